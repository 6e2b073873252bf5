"""The guarded fetcher."""
