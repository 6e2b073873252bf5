"""Edits by a language model that plans local operations."""
