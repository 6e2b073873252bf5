"""Decoders for the image formats that the gateway always converts. Each is imported when such a file comes.

Every module has the function `load(data)`, which returns the pixels of a checked file as stored.
"""
