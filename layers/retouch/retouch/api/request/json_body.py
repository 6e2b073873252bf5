"""Parser of OpenAI's JSON body into a ParsedForm.

The body has `images: [{"image_url": ...}]`, `mask: {"image_url": ...}` and typed scalars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.request.image_references import check_image_count, image_from_object
from retouch.api.request.limits import BodyLimits
from retouch.core.edit_types import ImageInput, MaskShapes, ParsedForm
from retouch.core.errors import InvalidRequest


def parse_json_form(body: bytes, limits: BodyLimits) -> ParsedForm:
    """Return the fields of a JSON body.

    Raises InvalidRequest when the body is not a JSON object or an image reference is invalid.
    """
    try:
        values = orjson.loads(body)
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(values, dict):
        raise InvalidRequest("The JSON body must be an object.", code="invalid_json")
    return form_from_values(values, limits)


def form_from_values(values: Mapping[str, Any], limits: BodyLimits) -> ParsedForm:
    """Return the fields of a JSON object that is already parsed."""
    images = _image_items(values.get("images"), values.get("image"))
    check_image_count(images, limits)
    mask = values.get("mask")
    scalars = {
        name: value
        for name, value in values.items()
        if name not in ("image", "images", "mask") and value not in (None, "")
    }
    return ParsedForm(
        scalars,
        tuple(image_from_object(item, f"images[{i}]") for i, item in enumerate(images)),
        parse_mask(mask) if mask else None,
    )


def parse_mask(mask: Any) -> ImageInput | MaskShapes:
    """Return the mask as an image reference, as image bytes or as shapes."""
    return (
        MaskShapes(mask)
        if isinstance(mask, dict) and "shapes" in mask
        else image_from_object(mask, "mask")
    )


def _image_items(images: Any, image: Any) -> list[Any]:
    """Return the items of `images`, or the single `image` that some clients send."""
    if images and image:
        raise InvalidRequest("Send 'images' or 'image', not both.", param="image")
    items = images or image
    return items if isinstance(items, list) else [items] if items else []
