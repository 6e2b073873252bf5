"""Check whether an image file is complete, from its structure and without decoding it.

A full decode of a 3 MB image costs ten times as much as the rest of a request, and the provider decodes the image
anyway. So each file is read once, in linear time and bounded memory:

- PNG: the length and CRC of every chunk, which proves the integrity of all bytes; the values of the header; the order
  of the chunks; the first 64 KiB of image data, which for a small image is all of it.
- JPEG: every segment up to the first scan, the frame header, and an end of image after it.
- WebP: the size of the container against the number of bytes, every chunk, and the frame header.
"""

from __future__ import annotations

from retouch.core.image_formats import ImageHeader
from retouch.imaging.formats import jpeg, png, webp
from retouch.imaging.limits import DEFAULT_LIMITS, Limits

_CHECKERS = {"png": png.check_structure, "jpeg": jpeg.check_structure, "webp": webp.check_structure}
_PROFILE_READERS = {
    "png": png.read_icc_profile,
    "jpeg": jpeg.read_icc_profile,
    "webp": webp.read_icc_profile,
}
_STRIPPERS = {"png": png.strip_metadata, "jpeg": jpeg.strip_metadata, "webp": webp.strip_metadata}


def check_structure(data: bytes, format: str, limits: Limits = DEFAULT_LIMITS) -> ImageHeader:
    """Return the header of a valid file. `format` is a result of `detect_format`. Raises InvalidImage."""
    return _CHECKERS[format](data, limits)


def strip_metadata(data: bytes, format: str, *, profile: bool = True) -> bytes:
    """Return a checked file without its metadata and trailing bytes. The pixels are the same.

    `profile` says whether the colour profile stays.
    """
    return _STRIPPERS[format](data, profile=profile)


def read_icc_profile(data: bytes, format: str) -> bytes:
    """Return the ICC colour profile of a checked file, or b"" when it has none."""
    return _PROFILE_READERS[format](data)


def is_8bit_grey_or_rgb(data: bytes, format: str) -> bool:
    """Return whether a checked file has at most 8 bits a channel and is not CMYK."""
    return format == "webp" or (png if format == "png" else jpeg).is_8bit_grey_or_rgb(data)


def is_16bit(data: bytes, format: str) -> bool:
    """Return whether a checked file is a PNG with 16 bits a channel."""
    return format == "png" and not png.is_8bit_grey_or_rgb(data)


def is_lossy(data: bytes, format: str) -> bool:
    """Return whether a checked file is stored with lossy compression."""
    return format == "jpeg" or (format == "webp" and webp.is_lossy(data))
