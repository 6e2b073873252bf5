"""Fills holes in images."""
