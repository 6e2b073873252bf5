"""The crop, rotation and mirroring that a HEIF file states for its image."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from retouch.core.geometry import Box as PixelBox
from retouch.core.geometry import Size
from retouch.imaging.errors import InvalidImage, damaged_image_error
from retouch.imaging.formats.binary_reader import ByteReader
from retouch.imaging.formats.iso_bmff import Box

_ORDER = (b"clap", b"irot", b"imir")
# (quarter turns against the clock, mirroring after them) -> EXIF orientation. Mirroring 0 exchanges top and bottom,
# 1 exchanges left and right.
_ORIENTATIONS = {
    (0, None): 1,
    (0, 0): 4,
    (0, 1): 2,
    (1, None): 8,
    (1, 0): 5,
    (1, 1): 7,
    (2, None): 3,
    (2, 0): 2,
    (2, 1): 4,
    (3, None): 6,
    (3, 0): 7,
    (3, 1): 5,
}


class Transforms(NamedTuple):
    """The part of the coded image that is displayed, and its EXIF orientation, which is applied afterwards."""

    crop: PixelBox
    orientation: int


def read_transforms(data: bytes, properties: Sequence[Box], size: Size, name: str) -> Transforms:
    """Return the transformations among an image's properties. Raises InvalidImage for an order that HEIF forbids."""
    boxes = [box for box in properties if box.kind in _ORDER]
    kinds = [box.kind for box in boxes]
    if kinds != [kind for kind in _ORDER if kind in kinds]:
        raise InvalidImage(
            "unsupported_image_format",
            f"is a {name} with unusual transformations, which are not accepted. Save it as JPEG or PNG.",
        )
    by_kind = {box.kind: ByteReader(data, box.start, box.end, name=name) for box in boxes}
    turns = by_kind[b"irot"].uint(1) & 3 if b"irot" in by_kind else 0
    mirroring = by_kind[b"imir"].uint(1) & 1 if b"imir" in by_kind else None
    crop = _read_crop(by_kind[b"clap"], size, name) if b"clap" in by_kind else (0, 0, *size)
    return Transforms(crop, _ORIENTATIONS[turns, mirroring])


def _read_crop(reader: ByteReader, size: Size, name: str) -> PixelBox:
    """Return the box of a clean aperture: its size and the distance of its centre from that of the image."""
    width, height = _read_fraction(reader, name), _read_fraction(reader, name)
    across, down = (_read_fraction(reader, name, signed=True) for _ in range(2))
    left = (size[0] - width) / 2 + across
    top = (size[1] - height) / 2 + down
    box = (int(left), int(top), int(left + width), int(top + height))
    if not (0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]):
        raise damaged_image_error(f"the {name} states a crop outside of its pixels")
    return box


def _read_fraction(reader: ByteReader, name: str, *, signed: bool = False) -> Fraction:
    numerator, denominator = reader.uint(4), reader.uint(4)
    if signed and numerator >= 1 << 31:
        numerator -= 1 << 32
    if not denominator:
        raise damaged_image_error(f"the {name} states an invalid crop")
    return Fraction(numerator, denominator)
