"""Tools of the repository: documentation, samples, operations."""
