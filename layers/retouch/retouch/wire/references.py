"""Pictures that are named instead of sent: data: URLs, uploads, web addresses, objects of the stack's own bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pybase64

from retouch.errors import InvalidRequest
from retouch.messages import Image, Reference
from retouch.specs import shown
from retouch.wire.limits import Limits

_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_UPLOAD_ID = re.compile(r"upload_[0-9a-f]{32}", re.ASCII)
_UPLOAD = "upload://"


def counted(images: Sequence[Any], limits: Limits) -> None:
    """InvalidRequest when there are more pictures than any model takes."""
    if len(images) > limits.images:
        raise InvalidRequest(
            f"The request has {len(images)} images; at most {limits.images} are accepted.",
            param="image",
            code="too_many_images",
        )


def from_object(item: Any, name: str) -> Image:
    """OpenAI's reference object `{"image_url": ...}` or `{"file_id": ...}`, or just the URL."""
    if isinstance(item, dict) and "file_id" in item:
        return uploaded(str(item["file_id"]), name)
    url = item.get("image_url") if isinstance(item, dict) else item
    if isinstance(url, dict):  # chat completions nest it once more
        url = url.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest(
            f"'{name}' must be an object with 'image_url' or 'file_id'.",
            param=name,
            code="invalid_type",
        )
    return from_url(url, name)


def from_url(url: str, name: str) -> Image:
    """The bytes in a data: URL, or a reference to be fetched. The declared type is ignored."""
    if url.startswith(_UPLOAD):
        return uploaded(url.removeprefix(_UPLOAD), name)
    if url.startswith("s3://"):
        return Reference("object", url.removeprefix("s3://"), name)
    if url[:8].lower().startswith(("http://", "https://")):
        return Reference("web", url, name)
    return _decoded(url, name)


def _decoded(url: str, name: str) -> bytes:
    head = _DATA_URL.match(url)
    if head is None:
        raise InvalidRequest(
            f"'{name}' is {shown(url)}, which is not a data:image/...;base64,... URL.",
            param=name,
            code="invalid_image_url",
        )
    try:
        return pybase64.b64decode(url[head.end() :], validate=True)
    except ValueError:
        raise InvalidRequest(
            f"'{name}' is a data: URL whose base64 is broken.", param=name, code="invalid_base64"
        ) from None


def uploaded(upload_id: str, name: str) -> Reference:
    """A reference to a finished upload; InvalidRequest for what cannot be an id of ours."""
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidRequest(
            f"'{name}' names the upload {shown(upload_id)}, which is no id of POST /v1/uploads.",
            param=name,
            code="invalid_upload_id",
        )
    return Reference("upload", upload_id, name)
