"""Masks: reading, drawing and writing them."""
