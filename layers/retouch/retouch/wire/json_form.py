"""OpenAI's JSON form -> Form: `images: [{"image_url": ...}]`, `mask: {"image_url": ...}`, typed scalars."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pybase64

from retouch.errors import InvalidRequest
from retouch.messages import Form
from retouch.specs import shown
from retouch.wire.limits import Limits

_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)


def parse(body: bytes, limits: Limits) -> Form:
    """The fields of a JSON body. InvalidRequest when it is not one JSON object or a reference is bad."""
    values = _object(body)
    images = [
        _reference(item, f"images[{i}]") for i, item in enumerate(_image_list(values, limits))
    ]
    mask = values.pop("mask", None)
    present = {name: value for name, value in values.items() if value not in (None, "")}
    return Form(present, tuple(images), _reference(mask, "mask") if mask else None)


def _object(body: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(body)
    except ValueError as broken:
        raise InvalidRequest(
            f"The body is not valid JSON: {broken}.", code="invalid_json"
        ) from None
    if not isinstance(values, dict):
        raise InvalidRequest("The JSON body must be an object.", code="invalid_json")
    return values


def _image_list(values: dict[str, Any], limits: Limits) -> list[Any]:
    """`images`, or a single `image` as some clients send it."""
    found = values.pop("images", None)
    single = values.pop("image", None)
    if found and single:
        raise InvalidRequest("Send 'images' or 'image', not both.", param="image")
    items = found if found is not None else single
    items = items if isinstance(items, list) else [items] if items else []
    if len(items) > limits.images:
        raise InvalidRequest(
            f"The request has {len(items)} images; at most {limits.images} are accepted.",
            param="images",
            code="too_many_images",
        )
    return items


def _reference(item: Any, name: str) -> bytes:
    """One picture reference -> its bytes."""
    url = item.get("image_url") if isinstance(item, dict) else item
    if isinstance(url, dict):  # chat completions nest it once more
        url = url.get("url")
    if isinstance(item, dict) and "file_id" in item:
        raise InvalidRequest(
            f"'{name}.file_id' is not available on this gateway; send a data: URL in 'image_url'.",
            param=name,
            code="unsupported_parameter",
        )
    if not isinstance(url, str) or not url:
        raise InvalidRequest(
            f"'{name}' must be an object with 'image_url'.", param=name, code="invalid_type"
        )
    return from_data_url(url, name)


def from_data_url(url: str, name: str) -> bytes:
    """The bytes in a base64 data: URL. The declared type is ignored: magic bytes decide later."""
    if url[:8].lower().startswith(("http://", "https://")):
        raise remote_refused(name)
    head = _DATA_URL.match(url)
    try:
        return (
            pybase64.b64decode(url[head.end() :], validate=True)
            if head
            else _no_data_url(url, name)
        )
    except ValueError:
        raise InvalidRequest(
            f"'{name}' is a data: URL whose base64 is broken.", param=name, code="invalid_base64"
        ) from None


def _no_data_url(url: str, name: str) -> bytes:
    raise InvalidRequest(
        f"'{name}' is {shown(url)}, which is not a data:image/...;base64,... URL.",
        param=name,
        code="invalid_image_url",
    )


def remote_refused(name: str) -> InvalidRequest:
    """Why a web address is not fetched."""
    return InvalidRequest(
        f"'{name}' is a web address; this gateway does not fetch images from the web. "
        "Send the picture's bytes as a file part or as a data: URL.",
        param=name,
        code="unsupported_image_url",
    )
