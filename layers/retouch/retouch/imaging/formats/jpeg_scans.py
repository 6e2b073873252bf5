"""JPEG: the markers after the header of the first scan, and the limit for the number of scans.

A decoder visits every block of the picture in every scan, however few bytes the scan has. So the time to decode a file
depends on its pixels times its scans, and a file of 22 KB can take minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from retouch.imaging.errors import InvalidImage, check_piece_count
from retouch.imaging.limits import Limits

# Inside a scan, a stuffed 00 and restart markers are data. TEM (01) has no segment, and decoders skip it.
_MARKER_IN_SCAN = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
_START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9


class ScanMarker(NamedTuple):
    """The code of a marker, the position of its first byte, and the position after its segment."""

    code: int
    start: int
    end: int


def iter_scan_markers(data: bytes, start: int) -> Iterator[ScanMarker]:
    """Yield the markers after the header of the first scan, up to and including the end of the image.

    The segments are walked, because tables between scans may contain the bytes of a marker, and because a second image
    may follow the first.
    """
    at = start
    while match := _MARKER_IN_SCAN.search(data, at):
        code, at = data[match.end() - 1], match.end()
        if code != END_OF_IMAGE:
            at += int.from_bytes(data[at : at + 2])
        yield ScanMarker(code, match.start(), at)
        if code == END_OF_IMAGE:
            return


def check_scan_count(data: bytes, start: int, size: tuple[int, int], limits: Limits) -> None:
    """Raise InvalidImage when the scans of a JPEG take too much time to decode.

    `start` is the position after the header of the first scan, and `size` is in pixels.
    """
    max_scans = limits.jpeg_scan_pixels // (size[0] * size[1])
    scans = 1
    for count, marker in enumerate(iter_scan_markers(data, start)):
        check_piece_count(count, limits)
        scans += marker.code == _START_OF_SCAN
        if scans > max_scans:
            raise InvalidImage(
                "image_metadata_too_large",
                f"is a JPEG of {size[0]}x{size[1]} pixels with more than {max_scans} scans, which is the limit for "
                "this size. Save it again as a baseline JPEG.",
            )
