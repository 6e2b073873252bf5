"""HEIC: the rules of `heif` for images that are coded with HEVC."""

from __future__ import annotations

from retouch.core.geometry import Box
from retouch.core.image_formats import ImageHeader
from retouch.imaging.formats import heif
from retouch.imaging.formats.codec_headers import is_monochrome_hevc, iter_hevc_sizes
from retouch.imaging.formats.heif_colours import find_colour_codes, find_icc_profile
from retouch.imaging.limits import Limits

_CODEC = heif.Codec(
    name="HEIC",
    brand=b"heic",
    sequence_brands=(b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"),
    item_kinds=(b"hvc1", b"hev1"),
    configuration=b"hvcC",
    iter_sizes=iter_hevc_sizes,
    is_monochrome=is_monochrome_hevc,
)


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check the primary image and that its data is complete. Raises InvalidImage."""
    return heif.check_structure(data, limits, _CODEC)


def strip_metadata(data: bytes, *, profile: bool = True) -> bytes:
    """Return a checked file with the primary image only, without its crop, rotation and mirroring."""
    return heif.strip_metadata(data, _CODEC, profile=profile)


def read_crop(data: bytes) -> Box:
    """Return the box of the coded image that is displayed."""
    return heif.read_crop(data, _CODEC)


def read_icc_profile(data: bytes) -> bytes:
    """Return the ICC colour profile of a checked file, or b"" when it has none."""
    return find_icc_profile(heif.iter_colours(data, _CODEC))


def colour_model(data: bytes) -> str:
    """Return what the channels of a checked file are, as an ICC signature."""
    return heif.colour_model(data, _CODEC)


def read_colour_codes(data: bytes) -> tuple[int, int] | None:
    """Return the code points of the primaries and the transfer function, or None when none are stated."""
    return find_colour_codes(heif.iter_colours(data, _CODEC))
