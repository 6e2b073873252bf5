"""Credentials from identities instead of keys."""
