"""Calls as they arrived, in a form that can be kept: pictures as what is seen of them, addresses and keys by name."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from tests.support.pictures import opened

BORING = {
    "host",
    "content-length",
    "content-type",
    "user-agent",
    "accept-encoding",
    "connection",
    "transfer-encoding",
}
SHORTEST_PICTURE = 60


def calls(server):
    """All requests of a stand-in as they came, those to its other origin after its own."""
    own = [digest(received, server) for received in server.received]
    other = [digest(received, server) for received in server.elsewhere.received]
    return own + [{"elsewhere": True, **call} for call in other]


def digest(received, server):
    """One request."""
    headers = {n: v for n, v in sorted(received.headers.items()) if n not in BORING}
    found = {"method": received.method, "path": received.path, "query": received.query}
    found["headers"] = headers
    if received.parts:
        found["parts"] = [_part(*part) for part in received.parts]
    elif received.body:
        found["json"] = _seen(json.loads(received.body))
    text = json.dumps(found).replace(server.key, "{key}").replace(server.url, "{provider}")
    return json.loads(text.replace(server.elsewhere.url, "{elsewhere}"))


def _part(name, filename, content_type, data):
    if filename is None:
        return f"{name} = {data.decode()}"
    return f"{name} = {filename} ({content_type}) {picture(data)}"


def _seen(value):
    if isinstance(value, dict):
        return {name: _seen(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_seen(inner) for inner in value]
    return _text(value) if isinstance(value, str) and len(value) >= SHORTEST_PICTURE else value


def _text(value):
    head, found, rest = value.partition(";base64,")
    try:
        data = base64.b64decode(rest if found else value, validate=True)
    except binascii.Error:
        return value
    return f"{head if found else 'base64'} {picture(data)}"


def picture(data):
    """What is seen of a picture; encoders differ, decoded pixels of lossless formats do not."""
    try:
        image = opened(data)
    except OSError:
        return f"{len(data)} bytes"
    pixels = hashlib.sha256(image.tobytes()).hexdigest()[:16] if image.format == "PNG" else "lossy"
    return f"{image.format} {image.mode} {image.width}x{image.height} {pixels}"
