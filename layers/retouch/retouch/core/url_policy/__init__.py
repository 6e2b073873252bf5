"""The rules for URLs that the gateway may fetch."""
