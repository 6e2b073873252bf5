"""The rule for which parts of a multipart body are files. A file may have any size, and a text field may not.

RFC 7578 asks for a `filename` in each file part, but clients leave it out: `curl -F 'image=<file'`, httpx and requests
with `(None, data, type)`, and urllib3 before 1.25, which sends `filename*` alone for a name that is not ASCII.
"""

from __future__ import annotations

import re

from multipart import MultipartSegment

MASK_FIELDS = ("mask", "mask[]")
# Accepts image, image[], image[0], image.0, images[], images and image.0.items (sent by a documentation generator).
_IMAGE_FIELD = re.compile(r"images?(\[[0-9]{0,3}\]|(\.[0-9]{1,3})(\.items)?)?", re.ASCII)
_URL_SCHEME = re.compile(rb"(data|upload|s3|https?):", re.I)
# JSON, base64 of a PNG, JPEG, WebP, GIF, TIFF, HEIC or AVIF, or a URL after white space
_IMAGE_TEXT = re.compile(
    rb"\s*([{\[]\s*[{\"]"
    rb"|(iVBORw0KGgo|/9j/|UklGR|R0lGOD|SUkqA|TU0AK|AAAA[\w+/]{2}Z0eXB)[\w+/]"
    rb"|(data|upload|https?):)"
)
_QUOTED_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
# filename, filename* (RFC 5987), and filename*0 or filename*0* (RFC 2231 continuations)
_FILE_NAME_OPTION = re.compile(r";\s*filename(\*[0-9]*)?\*?\s*=", re.I | re.ASCII)


def is_image_field(name: str) -> bool:
    """Return whether a field of this name holds an input image. The mask is not one."""
    return _IMAGE_FIELD.fullmatch(name) is not None


def is_url(data: bytes) -> bool:
    """Return whether the content of an image field is a URL instead of an image."""
    return _URL_SCHEME.match(data) is not None


def is_image_text(data: bytes) -> bool:
    """Return whether the content of an image field is a text that means an image."""
    return _IMAGE_TEXT.match(data) is not None


def is_mask_json(data: bytes) -> bool:
    """Return whether the content of a mask field is JSON instead of an image."""
    return data.lstrip().startswith(b"{")


def is_file_part(segment: MultipartSegment, data: bytes) -> bool:
    """Return whether a part is a file.

    A part is a file if it has a file name in any form. Without one, it is a file if its type is an image, or if its
    field holds an image or a mask and its content is neither a URL nor JSON.
    """
    if segment.filename is not None or _has_file_name_option(segment):
        return True
    name = segment.name or ""
    if is_image_field(name):
        return not is_url(data)
    if name in MASK_FIELDS:
        return not (is_url(data) or is_mask_json(data))
    return (segment.content_type or "").startswith("image/")


def _has_file_name_option(segment: MultipartSegment) -> bool:
    """Return whether the part has a file name that the library does not read, such as `filename*`."""
    disposition = segment.header("Content-Disposition") or ""
    return _FILE_NAME_OPTION.search(_QUOTED_STRING.sub("", disposition)) is not None
