"""Compare Retouch with Portkey's gateway on image edits: `python -m tools.portkey [--write] [--with-portkey]`.

Each row holds one request, the scripted responses of the upstream, and the responses expected of Retouch and of
Portkey's open-source gateway.
"""
