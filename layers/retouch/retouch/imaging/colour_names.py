"""The names of colour spaces, as files state them."""

from __future__ import annotations

from io import BytesIO

from retouch.imaging.formats.png_colour import read_colour_chunks
from retouch.imaging.formats.structure import read_colour_codes, read_icc_profile

_NAMES_BY_PRIMARIES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}  # ITU-T H.273, table 2
_MAX_NAME_LENGTH = 40


def find_colour_name(data: bytes, format: str) -> str:
    """Return the name of the colour space of a checked file, such as "Display P3", or "" when it has none."""
    points = read_colour_chunks(data).coding_points if format == "png" else None
    codes = (points.primaries, points.transfer) if points else read_colour_codes(data, format)
    name = _NAMES_BY_PRIMARIES.get(codes[0], "") if codes else ""
    return name or _profile_name(read_icc_profile(data, format))


def _profile_name(icc_profile: bytes) -> str:
    """Return the description in an ICC profile, or "" when it is missing, long or not plain text.

    ImageCms is imported here because few images need it and the import takes a few milliseconds.
    """
    if not icc_profile:
        return ""
    from PIL import ImageCms

    try:
        name = ImageCms.getProfileDescription(
            ImageCms.ImageCmsProfile(BytesIO(icc_profile))
        ).strip()
    except (ImageCms.PyCMSError, OSError):
        return ""
    is_plain = name.isascii() and name.isprintable() and len(name) <= _MAX_NAME_LENGTH
    return name if is_plain else ""
