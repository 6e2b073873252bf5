"""A search for the images of a paid response whose form is unknown.

An adapter reads the documented form and its known variants. When it finds no image in a success that was paid for, the
body is searched for anything that is an image. The search does not need valid JSON, so damage elsewhere in the body
does not lose an image.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pybase64

from retouch.core.edit_types import GeneratedImage
from retouch.core.image_formats import detect_format, detect_other_format
from retouch.core.provider_protocol import ProviderJob, ProviderResponse
from retouch.core.text.image_text import text_to_base64

_MIN_IMAGE_CHARS = 64  # of base64; no image file is smaller
# A JSON string. It may end with the text: otherwise the search would begin again at each quote of an open string, and
# take quadratic time.
_STRING = re.compile(r'"((?:[^"\\]++|\\.?)*+)(?:"|\Z)', re.DOTALL)
# The same with the quotes of Python. It is used only where the other one finds no image.
_SINGLE_QUOTED_STRING = re.compile(r"'((?:[^'\\]++|\\.?)*+)(?:'|\Z)", re.DOTALL)
_MAX_NESTED_TEXTS = 3  # JSON documents in strings of JSON documents


def search_images(response: ProviderResponse, job: ProviderJob) -> list[GeneratedImage]:
    """Return at most `job.n` images. Of more images these are the last: previews come before results.

    The job's own images are left out, because some services echo the request. A page in HTML or XML is not searched:
    its images are decoration.
    """
    files = [*job.images, *([job.mask_file] if job.mask_file else [])]
    sent = {file.to_base64() for file in files}
    found = [base64 for base64 in _all_images(response) if base64 not in sent]
    distinct = list(dict.fromkeys(found))
    images = distinct if len(distinct) >= job.n else found
    return [GeneratedImage(b64=base64) for base64 in images[-job.n :]]


def _all_images(response: ProviderResponse) -> Iterator[str]:
    """Yield the base64 of all images in the response."""
    content_type = response.headers.get("content-type", "").strip()
    if content_type.lower().startswith("multipart/"):
        yield from _multipart_images(content_type, response.body)
    elif _is_image(response.body):
        yield pybase64.b64encode_as_string(response.body)
    else:
        yield from _text_images(response.body)


def _multipart_images(content_type: str, body: bytes) -> Iterator[str]:
    from email import message_from_bytes

    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    for part in message.walk():
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and _is_image(data):
            yield pybase64.b64encode_as_string(data)
        elif isinstance(data, bytes):
            yield from _text_images(data)


def _text_images(body: bytes) -> Iterator[str]:
    text = body.decode(json.detect_encoding(body), errors="replace").strip()
    if text.startswith("<"):
        return
    if image := text_to_base64(text):
        yield image
        return
    found = list(_string_images(text, _STRING, _MAX_NESTED_TEXTS))
    yield from found or _string_images(text, _SINGLE_QUOTED_STRING, _MAX_NESTED_TEXTS)


def _string_images(text: str, pattern: re.Pattern[str], depth: int) -> Iterator[str]:
    """Yield the images in the strings of a JSON document, and of documents inside them."""
    for match in pattern.finditer(text):
        if len(match[1]) < _MIN_IMAGE_CHARS:
            continue
        value = _unescape(match)
        if image := text_to_base64(value):
            yield image
        elif depth and value.lstrip()[:1] in ("{", "["):
            yield from _string_images(value, pattern, depth - 1)


def _unescape(match: re.Match[str]) -> str:
    """Return the text of a JSON string, or the string as it is written when it is not valid."""
    try:
        return str(json.loads(match[0], strict=False))
    except ValueError:
        return match[1]


def _is_image(data: bytes) -> bool:
    return bool(detect_format(data) or detect_other_format(data))
