"""Batches: many edits in one file, made one after another, with one file of results."""
