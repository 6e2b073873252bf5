"""Retouch held against Portkey's gateway on image edits: `python -m tools.portkey [--write] [--with-portkey]`.

Every row is one request, an upstream's script and what must come back, of Retouch and of Portkey's own open gateway.
"""
