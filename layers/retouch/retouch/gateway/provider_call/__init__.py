"""Calls of a provider: conversation, retries, errors."""
