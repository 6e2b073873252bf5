"""Calls that run beside each other, and values that are kept for some time."""
