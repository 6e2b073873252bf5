"""Image references in a request: data: URLs, uploads, web URLs and objects in the stack's own bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pybase64

from retouch.api.request.limits import BodyLimits
from retouch.core.credentials.upload_ids import UPLOAD_ID_PATTERN
from retouch.core.edit_types import ImageInput, ImageReference
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.text.image_text import text_to_base64

_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_UPLOAD_SCHEME = "upload://"


def check_image_count(images: Sequence[Any], limits: BodyLimits) -> None:
    """Raise InvalidRequest when the request has more images than any model accepts."""
    if len(images) > limits.max_images:
        raise InvalidRequest(
            f"The request has {len(images)} images; at most {limits.max_images} are accepted. Send fewer.",
            param="image",
            code="too_many_images",
        )


def image_from_object(item: Any, field: str) -> ImageInput:
    """Return the image for OpenAI's reference object, `{"image_url": ...}` or `{"file_id": ...}`, or for a bare URL.

    Raises InvalidRequest when the item is none of these.
    """
    if isinstance(item, dict) and "file_id" in item:
        return upload_reference(str(item["file_id"]), field)
    url = item.get("image_url") if isinstance(item, dict) else item
    if isinstance(url, dict):  # the chat completions API nests the URL in an object
        url = url.get("url")
    if not isinstance(url, str) or not url:
        shapes = "'shapes', " if field == "mask" else ""
        raise InvalidRequest(
            f"'{field}' must be an object with {shapes}'image_url' or 'file_id'.",
            param=field,
            code="invalid_type",
        )
    return image_from_url(url, field)


def image_from_url(url: str, field: str) -> ImageInput:
    """Return the bytes in a data: URL, or a reference to fetch later. The declared media type is ignored."""
    if url.startswith(_UPLOAD_SCHEME):
        return upload_reference(url.removeprefix(_UPLOAD_SCHEME), field)
    if url.startswith("s3://"):
        return ImageReference("object", url.removeprefix("s3://"), field)
    if url[:8].lower().startswith(("http://", "https://")):
        return ImageReference("web", url, field)
    return _decode_data_url(url, field)


def _decode_data_url(url: str, field: str) -> bytes:
    """Return the bytes. A URL that only a browser would read, or base64 alone, is read too if it is an image."""
    prefix = _DATA_URL.match(url)
    base64 = url[prefix.end() :] if prefix else text_to_base64(url)
    if prefix is None and not base64:
        raise InvalidRequest(
            f"'{field}' is {quote_value(url)}, which is neither an https:// URL nor a data:image/...;base64,... URL. "
            "Send one of them, or the file itself as multipart/form-data.",
            param=field,
            code="invalid_image_url",
        )
    try:
        return pybase64.b64decode(base64, validate=True)
    except ValueError:
        return _decode_unusual_base64(base64, field)


def _decode_unusual_base64(text: str, field: str) -> bytes:
    """Return the bytes of an image whose base64 has line breaks, no padding, or the alphabet of URLs."""
    try:
        if base64 := text_to_base64(text):
            return pybase64.b64decode(base64, validate=True)
    except ValueError:
        pass
    raise InvalidRequest(
        f"'{field}' is a data: URL with invalid base64.", param=field, code="invalid_base64"
    )


def upload_reference(upload_id: str, field: str) -> ImageReference:
    """Return a reference to a completed upload. Raises InvalidRequest when the id has the wrong form."""
    if not UPLOAD_ID_PATTERN.fullmatch(upload_id):
        raise InvalidRequest(
            f"'{field}' names the upload {quote_value(upload_id)}, which is not an id from POST /v1/uploads.",
            param=field,
            code="invalid_upload_id",
        )
    return ImageReference("upload", upload_id, field)
