"""Check whether an image file is complete, from its structure and without decoding it.

A full decode of a 3 MB image costs ten times as much as the rest of a request, and the provider decodes the image
anyway. So each file is read once, in linear time and bounded memory:

- PNG: the length and CRC of every chunk, which proves the integrity of all bytes; the values of the header; the order
  of the chunks; the image data up to 64 KiB, or the first 8 KiB of a larger image.
- JPEG: every segment up to the first scan, the frame header, the number of scans, and an end of image after them.
- WebP: the size of the container against the number of bytes, every chunk, and the frame header.
- HEIC and AVIF: every box, the primary image with its tiles and transparency, and the size that the codec's own
  headers state.
- GIF: every block. TIFF: the directories, and the place of every strip or tile. BMP: the header and the place of the
  pixels.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from retouch.core.image_formats import ImageHeader
from retouch.imaging.formats import jpeg, png, webp
from retouch.imaging.limits import DEFAULT_LIMITS, Limits

_LOADED_MODULES: dict[str, Any] = {"png": png, "jpeg": jpeg, "webp": webp}
_FORMATS_WITH_MORE_CHANNELS = ("png", "jpeg", "tiff")  # those that may have 16 bits or CMYK
_FORMATS_WITH_COLOUR_MODELS = ("jpeg", "tiff", "heic", "avif")
_HEIF_FORMATS = ("heic", "avif")
_LOSSY_FORMATS = ("jpeg", "heic", "avif")
_FORMATS_OF_BOTH_KINDS = ("webp", "tiff")  # those that may be lossy or not


def _module(format: str) -> Any:
    """Return the module of a format. Those that few requests need are imported on demand."""
    module = _LOADED_MODULES.get(format)
    return module or import_module(f"retouch.imaging.formats.{format}")


def check_structure(data: bytes, format: str, limits: Limits = DEFAULT_LIMITS) -> ImageHeader:
    """Return the header of a valid file. `format` is a result of `detect_format`. Raises InvalidImage."""
    header: ImageHeader = _module(format).check_structure(data, limits)
    return header


def strip_metadata(data: bytes, format: str, *, profile: bool = True) -> bytes:
    """Return a checked file without its metadata and trailing bytes. The stored pixels are the same.

    `profile` says whether the colour profile stays. The orientation goes with the metadata, and so does the crop of a
    HEIC or AVIF.
    """
    if format == "bmp":
        return data  # it has no metadata
    if format == "gif":
        stripped: bytes = _module(format).strip_metadata(data)
    else:
        stripped = _module(format).strip_metadata(data, profile=profile)
    return stripped


def read_icc_profile(data: bytes, format: str) -> bytes:
    """Return the ICC colour profile of a checked file, or b"" when it has none. A GIF has none that viewers apply."""
    profile: bytes = b"" if format == "gif" else _module(format).read_icc_profile(data)
    return profile


def read_colour_codes(data: bytes, format: str) -> tuple[int, int] | None:
    """Return the code points of the primaries and the transfer function of a checked HEIC or AVIF, if it states any."""
    codes: tuple[int, int] | None = None
    if format in _HEIF_FORMATS:
        codes = _module(format).read_colour_codes(data)
    return codes


def is_8bit_grey_or_rgb(data: bytes, format: str) -> bool:
    """Return whether a checked file has at most 8 bits a channel and is not CMYK, once it is decoded."""
    if format not in _FORMATS_WITH_MORE_CHANNELS:
        return True
    is_common: bool = _module(format).is_8bit_grey_or_rgb(data)
    return is_common


def colour_model(data: bytes, format: str) -> str:
    """Return what the channels of a checked file are, as an ICC signature: "GRAY", "RGB" or "CMYK".

    A palette has colours of RGB. Do not call it for a PNG, whose colour chunks state the model.
    """
    model: str = (
        _module(format).colour_model(data) if format in _FORMATS_WITH_COLOUR_MODELS else "RGB"
    )
    return model


def has_16_bits(data: bytes, format: str) -> bool:
    """Return whether a checked PNG or TIFF has 16 bits a channel."""
    if format != "tiff":
        return is_16bit_png(data, format)
    has_depth: bool = _module(format).has_16_bits(data)
    return has_depth


def is_16bit_png(data: bytes, format: str) -> bool:
    """Return whether a checked file is a PNG with 16 bits a channel."""
    return format == "png" and not png.is_8bit_grey_or_rgb(data)


def is_lossy(data: bytes, format: str) -> bool:
    """Return whether a checked file is stored with lossy compression."""
    if format not in _FORMATS_OF_BOTH_KINDS:
        return format in _LOSSY_FORMATS
    has_loss: bool = _module(format).is_lossy(data)
    return has_loss


def uses_arithmetic_coding(data: bytes, format: str) -> bool:
    """Return whether a checked file is a JPEG with arithmetic coding, which most decoders cannot read."""
    return format == "jpeg" and jpeg.uses_arithmetic_coding(data)
