"""Rendering of responses."""
