"""Checks of a request before the call and of its images after it."""
