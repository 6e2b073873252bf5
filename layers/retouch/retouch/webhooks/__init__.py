"""Webhooks: signed events that the gateway sends to the endpoints of its callers."""
