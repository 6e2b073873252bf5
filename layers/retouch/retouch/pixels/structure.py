"""Is a picture whole? Answered from its structure, without decoding it.

A full decode of a 3 MB picture costs ten times what the rest of a request does, and the provider
decodes it anyway. So each format is walked once, in linear time and bounded memory:

- PNG: every chunk's length and CRC, which proves the bytes end to end; the header's combinations;
  the order of chunks; the first 64 KiB of image data, which for a small picture is all of it.
- JPEG: every segment up to the first scan, the frame header, and an end of image after it.
- WebP: the container's size against the bytes, every chunk, and the frame header.
"""

from __future__ import annotations

from retouch.pixels import jpeg, png, webp
from retouch.pixels.header import Header
from retouch.pixels.limits import DEFAULT, Limits

_READERS = {"png": png.read, "jpeg": jpeg.read, "webp": webp.read}
_PROFILES = {"png": png.profile, "jpeg": jpeg.profile, "webp": webp.profile}
_ESSENCES = {"png": png.essence, "jpeg": jpeg.essence, "webp": webp.essence}


def check(data: bytes, format: str, limits: Limits = DEFAULT) -> Header:
    """The header of a file that passed. `format` is what `sniff` said. Raises UnfitError."""
    return _READERS[format](data, limits)


def essence(data: bytes, format: str, *, profile: bool = True) -> bytes:
    """A checked file without its metadata and trailing bytes: same pixels, with its profile or not."""
    return _ESSENCES[format](data, profile=profile)


def profile(data: bytes, format: str) -> bytes:
    """A checked file's ICC colour profile, b"" where it has none."""
    return _PROFILES[format](data)


def ordinary(data: bytes, format: str) -> bool:
    """Whether a checked file has at most 8 bits a channel and no inks (CMYK)."""
    return format == "webp" or (png if format == "png" else jpeg).ordinary(data)


def lossy(data: bytes, format: str) -> bool:
    """Whether a checked file's colours are only near those that were meant."""
    return format == "jpeg" or (format == "webp" and webp.lossy(data))
