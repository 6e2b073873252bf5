"""Bytes and events in, JSON out: OpenAI's forms and Portkey's headers.

Of providers it knows how Portkey's headers about them begin. What one of them wants stands on its card, not here.
"""
