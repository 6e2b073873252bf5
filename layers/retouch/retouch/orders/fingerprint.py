"""The fingerprint of a request: what makes two requests the same order.

It covers the route, every scalar, every image in its order, and what chooses the provider and the payer. It ignores
how the request was written: the boundary, the order of the scalars, file names, and types of parts. It also ignores
what does not change the image: timeouts, trace ids, and whether the result is streamed.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import ImageInput, ImageReference, MaskShapes, ParsedForm
from retouch.core.portkey_types import PortkeyHeaders
from retouch.orders.order import Fingerprint

# They say how the result is sent, not which result it is.
_IGNORED_FIELDS = ("stream", "partial_images", "dry_run", "idempotency_key")
_MAX_NAMED_FIELDS, _MAX_NAME_CHARS, _SHORT_DIGEST_CHARS = 30, 32, 8


def make_fingerprint(
    route: str,
    form: ParsedForm,
    credentials: ClientCredentials,
    portkey: PortkeyHeaders,
    pepper: str,
) -> Fingerprint:
    """Return the fingerprint. The caller's own provider key is in it as an HMAC with the pepper."""
    digest, digests = sha256(), {}
    for name, data in _parts(route, form, credentials, portkey, pepper):
        part_digest = sha256(data).hexdigest()
        digest.update(b"%d:%b%b" % (len(name.encode()), name.encode(), part_digest.encode()))
        digests[name] = part_digest
    names = list(digests)[:_MAX_NAMED_FIELDS]
    fields = {name[:_MAX_NAME_CHARS]: digests[name][:_SHORT_DIGEST_CHARS] for name in names}
    return Fingerprint(digest.hexdigest(), fields)


def _parts(
    route: str,
    form: ParsedForm,
    credentials: ClientCredentials,
    portkey: PortkeyHeaders,
    pepper: str,
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each part. Every name occurs once."""
    yield "route", route.encode()
    for name in sorted(form.values):
        if name not in _IGNORED_FIELDS:
            yield name, _canonical_text(form.values[name]).encode()
    for index, image in enumerate(form.images):
        yield f"image[{index}]", _image_content(image)
    if form.mask is not None:
        yield "mask", _image_content(form.mask)
    yield from _routing_parts(credentials, portkey, pepper)


def _routing_parts(
    credentials: ClientCredentials, portkey: PortkeyHeaders, pepper: str
) -> Iterator[tuple[str, bytes]]:
    headers = {
        "x-portkey-provider": credentials.provider,
        "x-portkey-virtual-key": portkey.virtual_key,
        "x-portkey-config": portkey.config,
        "x-portkey-custom-host": portkey.custom_host,
        "x-portkey-options": portkey.options,
        "x-portkey-guardrails": portkey.hooks,
        **_headers_for_config(portkey),
        **portkey.forwarded_headers,
    }
    for name, value in headers.items():
        if value:
            yield name, _canonical_text(value).encode()
    if credentials.key:
        yield "provider key", hmac.digest(pepper.encode(), credentials.key.encode(), "sha256")


def _headers_for_config(portkey: PortkeyHeaders) -> dict[str, str]:
    """Return the metadata and the headers by which the config may choose a target or a payer.

    A saved config is not read yet. It may use all metadata, and it may forward the headers of OpenAI.
    """
    config = portkey.config
    if config is None:
        return {}
    is_saved = isinstance(config, str)
    text = "" if is_saved else _canonical_text(config).lower()
    metadata = {f"metadata.{name}": value for name, value in portkey.metadata.items()}
    return {
        **{name: value for name, value in metadata.items() if is_saved or name.lower() in text},
        **{
            name: value
            for name, value in portkey.forwardable_headers.items()
            if (is_saved and name.startswith("openai-")) or f'"{name}"' in text
        },
    }


def _canonical_text(value: Any) -> str:
    """Return a value as text: the same for a number in JSON and in form text."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=dict).decode()


def _image_content(image: ImageInput | MaskShapes) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, ImageReference):
        return f"{image.kind}:{image.name}".encode()
    return b"shapes:" + _canonical_text(image.spec).encode()
