"""Credentials: keys of clients and of the gateway, signatures, and secrets that are stored encrypted."""
