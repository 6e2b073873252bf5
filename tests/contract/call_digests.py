"""Convert received calls to a form that can be stored.

An image becomes a short description of its content. Addresses and keys become placeholders.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from tests.support.images import decode_image

IGNORED_HEADERS = {
    "host",
    "content-length",
    "content-type",
    "user-agent",
    "accept-encoding",
    "connection",
    "transfer-encoding",
}
MIN_BASE64_LENGTH = 60


def call_digests(server):
    """Return the digests of all requests that a stand-in received: its own first, then those of its result host."""
    own_calls = [call_digest(received, server) for received in server.received]
    result_host_calls = [call_digest(received, server) for received in server.result_host.received]
    return own_calls + [{"elsewhere": True, **call} for call in result_host_calls]


def call_digest(received, server):
    """Return the digest of one request."""
    headers = {n: v for n, v in sorted(received.headers.items()) if n not in IGNORED_HEADERS}
    summary = {"method": received.method, "path": received.path, "query": received.query}
    summary["headers"] = headers
    if received.parts:
        summary["parts"] = [_part_digest(*part) for part in received.parts]
    elif received.body:
        summary["json"] = _value_digest(json.loads(received.body))
    text = json.dumps(summary).replace(server.key, "{key}").replace(server.url, "{provider}")
    return json.loads(text.replace(server.result_host.url, "{elsewhere}"))


def _part_digest(name, filename, content_type, data):
    if filename is None:
        return f"{name} = {data.decode()}"
    return f"{name} = {filename} ({content_type}) {image_digest(data)}"


def _value_digest(value):
    if isinstance(value, dict):
        return {name: _value_digest(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value_digest(inner) for inner in value]
    return (
        _text_digest(value) if isinstance(value, str) and len(value) >= MIN_BASE64_LENGTH else value
    )


def _text_digest(value):
    prefix, separator, rest = value.partition(";base64,")
    try:
        data = base64.b64decode(rest if separator else value, validate=True)
    except binascii.Error:
        return value
    return f"{prefix if separator else 'base64'} {image_digest(data)}"


def image_digest(data):
    """Return a description of an image: format, mode, size and a hash of the pixels.

    Encoders differ between versions. The decoded pixels of a lossless format do not, so only PNG pixels are hashed.
    """
    try:
        image = decode_image(data)
    except OSError:
        return f"{len(data)} bytes"
    pixels = hashlib.sha256(image.tobytes()).hexdigest()[:16] if image.format == "PNG" else "lossy"
    return f"{image.format} {image.mode} {image.width}x{image.height} {pixels}"
