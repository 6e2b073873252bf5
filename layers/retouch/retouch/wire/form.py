"""Content type + bytes -> Form, whichever of the two encodings the caller chose. No opinions on values.

Both encodings end in the same Form, so nothing behind this file knows which one was used, but for one thing:
form text arrives as `Text`, which has no type yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from retouch.errors import InvalidRequest, UnsupportedMedia
from retouch.messages import Form, Image, Inbound, Part, Reference, Shapes, Text
from retouch.specs import shown
from retouch.wire import json_form, multipart
from retouch.wire.limits import DEFAULT, Limits
from retouch.wire.references import counted, from_url

# image, image[], image[0], image.0, images[], images and, from one documentation generator, image.0.items
_IMAGE = re.compile(r"images?(\[[0-9]{0,3}\]|(\.[0-9]{1,3})(\.items)?)?", re.ASCII)
_MASK = ("mask", "mask[]")
_URL = re.compile(rb"(data|upload|s3|https?):", re.I)


def parse(request: Inbound, limits: Limits = DEFAULT) -> Form:
    """The request's fields. InvalidRequest and its children for everything that cannot be read."""
    _refuse_encoded(request)
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("multipart/form-data", "application/json"):
        raise UnsupportedMedia(
            f"Content-Type {shown(media_type)} is not accepted; send multipart/form-data or application/json."
        )
    if not request.body:
        raise InvalidRequest("The request has no body.", code="empty_body")
    if media_type == "application/json":
        return _without_objects(json_form.parse(request.body, limits))
    boundary = multipart.boundary_of(content_type, limits)
    parts = multipart.parse(request.body, boundary, limits)
    return _without_objects(from_parts(parts, limits))


def _without_objects(form: Form) -> Form:
    """Over HTTP nobody may read the bucket by name: it holds other callers' pictures."""
    for image in (*form.images, form.mask):
        if isinstance(image, Reference) and image.kind == "object":
            raise InvalidRequest(
                f"'{image.field}' names an S3 object, which only a direct invoke may do. "
                "Upload the picture with POST /v1/uploads.",
                param=image.field,
                code="unsupported_image_url",
            )
    return form


def _refuse_encoded(request: Inbound) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMedia(
            f"Content-Encoding {shown(encoding)} is not accepted; send the body uncompressed.",
            code="unsupported_content_encoding",
        )


def from_parts(parts: Iterable[Part], limits: Limits = DEFAULT) -> Form:
    """Sort parts into pictures (order kept), mask and scalars. A scalar or mask may occur once."""
    images: list[Image] = []
    values: dict[str, Any] = {}
    for part in parts:
        if _IMAGE.fullmatch(part.name):
            images += _picture(part)
        elif part.name in values or (part.name in _MASK and "mask" in values):
            raise _twice(part.name)
        elif part.name in _MASK:
            values["mask"] = _mask(part)
        else:
            values[part.name] = Text(_decoded(part))
    counted(images, limits)
    mask = values.pop("mask", None)
    present = {name: value for name, value in values.items() if value != ""}
    return Form(present, tuple(images), mask)


def _picture(part: Part) -> list[Image]:
    """The part's picture; none for the empty file input that browsers send for "no file chosen"."""
    if part.filename is not None:
        _refuse_mangled(part)
        return [part.data] if part.data or part.filename else []
    if _URL.match(part.data):
        return [from_url(_decoded(part), part.name)]
    # A few HTTP libraries forget the file name: real picture bytes still are a picture.
    return [part.data] if part.data else []


def _mask(part: Part) -> Image | Shapes | None:
    if part.filename is None and part.data.lstrip().startswith(b"{"):
        return json_form.mask_from(_object(part))
    return next(iter(_picture(part)), None)


def _object(part: Part) -> Any:
    try:
        return orjson.loads(part.data)
    except ValueError as broken:
        raise InvalidRequest(
            f"Field {shown(part.name)} looks like JSON but is not valid: {broken}.",
            param=part.name,
            code="invalid_json",
        ) from None


def _refuse_mangled(part: Part) -> None:
    # U+FFFD where a magic number has a byte above 0x7f: the front decoded the upload as text.
    if b"\xef\xbf\xbd" in part.data[:4]:
        raise InvalidRequest(
            f"File {shown(part.name)} was decoded as text on its way here, which destroys it. "
            "Set the API's binaryMediaTypes so that multipart/form-data passes as bytes.",
            param=part.name,
            code="body_corrupted_by_gateway",
        )


def _decoded(part: Part) -> str:
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"Field {shown(part.name)} is not valid UTF-8 text.",
            param=part.name,
            code="invalid_text",
        ) from None


def _twice(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"Field {shown(name)} was sent more than once; it may occur once.",
        param=name,
        code="duplicate_parameter",
    )
