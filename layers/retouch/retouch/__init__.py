"""Retouch: image edits behind one OpenAI-compatible endpoint, in your own AWS account."""

# The only place of the version. The OpenAPI document repeats it; a test compares them.
__version__ = "0.2.0"
