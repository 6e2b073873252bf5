"""Parser of OpenAI's JSON body into a ParsedForm.

The body has `images: [{"image_url": ...}]`, `mask: {"image_url": ...}` and typed scalars.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.request.image_references import check_image_count, image_from_object
from retouch.api.request.limits import BodyLimits
from retouch.core.edit_types import ImageInput, MaskShapes, ParsedForm
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value

_MAX_DEPTH = (
    8  # of nested values that a request can have; it keeps hostile JSON from exhausting the stack
)
_JSON_KINDS = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def parse_json_form(body: bytes, limits: BodyLimits) -> ParsedForm:
    """Return the fields of a JSON body.

    Raises InvalidRequest when the body is not a JSON object or an image reference is invalid.
    """
    values = _parse_body(body)
    if not isinstance(values, dict):
        raise InvalidRequest(
            f"The JSON body must be an object, and it is {_JSON_KINDS[type(values)]}. "
            'Send {"prompt": "...", "images": [{"image_url": "..."}]}.',
            code="invalid_json",
        )
    return form_from_values(values, limits)


def _parse_body(body: bytes) -> Any:
    """Return the JSON value. A byte order mark before it has no meaning. Raises InvalidRequest."""
    try:
        return orjson.loads(body.removeprefix(BOM_UTF8))
    except ValueError as error:
        reason = str(error) if _is_utf8(body) else "its text is not UTF-8. Encode it as UTF-8"
        raise InvalidRequest(
            f"The body is not valid JSON: {reason}.", code="invalid_json"
        ) from None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body[:2]  # UTF-16 without a byte order mark


def form_from_values(values: Mapping[str, Any], limits: BodyLimits) -> ParsedForm:
    """Return the fields of a JSON object that is already parsed. A null counts as absent, at every depth."""
    values = drop_nulls(values)
    images = _image_items(values.get("images"), values.get("image"))
    check_image_count(images, limits)
    mask = values.get("mask")
    scalars = {
        name: value
        for name, value in values.items()
        if name not in ("image", "images", "mask") and value != ""
    }
    return ParsedForm(
        scalars,
        tuple(image_from_object(item, f"images[{i}]") for i, item in enumerate(images)),
        parse_mask(mask) if mask else None,
    )


def drop_nulls(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """Return a JSON value without the null members of its objects. Deeper values are unchanged.

    Null items of lists stay, because the position of an item has a meaning, as in the points of a shape.
    """
    if depth and isinstance(value, Mapping):
        members = ((name, item) for name, item in value.items() if item is not None)
        return {name: drop_nulls(item, depth - 1) for name, item in members}
    if depth and isinstance(value, list):
        return [drop_nulls(item, depth - 1) for item in value]
    return value


def parse_mask(mask: Any) -> ImageInput | MaskShapes:
    """Return the mask as an image reference, as image bytes or as shapes. JSON as text counts as its value."""
    if isinstance(mask, str) and mask.lstrip().startswith("{"):
        mask = parse_json_field(mask, "mask")
    mask = drop_nulls(mask)
    return (
        MaskShapes(mask)
        if isinstance(mask, dict) and "shapes" in mask
        else image_from_object(mask, "mask")
    )


def parse_json_field(text: str | bytes, name: str) -> Any:
    """Return the JSON value in a field. Raises InvalidRequest."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise InvalidRequest(
            f"Field {quote_value(name)} looks like JSON but is not valid: {error}.",
            param=name,
            code="invalid_json",
        ) from None


def _image_items(images: Any, image: Any) -> list[Any]:
    """Return the items of `images`, or the single `image` that some clients send, without empty ones."""
    if images and image:
        raise InvalidRequest("Send 'images' or 'image', not both.", param="image")
    items = images or image
    all_items = items if isinstance(items, list) else [items]
    return [item for item in all_items if item]
