"""Lambda events as requests."""
