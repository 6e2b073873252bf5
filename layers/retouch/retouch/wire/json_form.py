"""OpenAI's JSON form -> Form: `images: [{"image_url": ...}]`, `mask: {"image_url": ...}`, typed scalars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.messages import Form, Image, Shapes
from retouch.wire.limits import Limits
from retouch.wire.references import counted, from_object


def parse(body: bytes, limits: Limits) -> Form:
    """The fields of a JSON body. InvalidRequest when it is not one JSON object or a reference is bad."""
    try:
        values = orjson.loads(body)
    except ValueError as broken:
        raise InvalidRequest(
            f"The body is not valid JSON: {broken}.", code="invalid_json"
        ) from None
    if not isinstance(values, dict):
        raise InvalidRequest("The JSON body must be an object.", code="invalid_json")
    return from_values(values, limits)


def from_values(values: Mapping[str, Any], limits: Limits) -> Form:
    """The same from an object that is already parsed."""
    images = _listed(values.get("images"), values.get("image"))
    counted(images, limits)
    mask = values.get("mask")
    scalars = {
        name: value
        for name, value in values.items()
        if name not in ("image", "images", "mask") and value not in (None, "")
    }
    return Form(
        scalars,
        tuple(from_object(item, f"images[{i}]") for i, item in enumerate(images)),
        mask_from(mask) if mask else None,
    )


def mask_from(mask: Any) -> Image | Shapes:
    """A mask as a picture or as shapes."""
    return (
        Shapes(mask) if isinstance(mask, dict) and "shapes" in mask else from_object(mask, "mask")
    )


def _listed(found: Any, single: Any) -> list[Any]:
    """`images`, or a single `image` as some clients send it."""
    if found and single:
        raise InvalidRequest("Send 'images' or 'image', not both.", param="image")
    items = found or single
    return items if isinstance(items, list) else [items] if items else []
