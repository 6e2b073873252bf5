"""Command line tools of the repository: documentation, sample files and operations."""
