"""Types, settings, errors and rules that every package uses. Nothing here does IO."""
