"""Retouch: image edits behind one OpenAI-compatible endpoint, in your own AWS account."""
