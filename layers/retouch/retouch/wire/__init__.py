"""Bytes and events in, JSON out. Nothing here knows a provider."""
