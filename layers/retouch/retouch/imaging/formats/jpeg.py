"""JPEG: check the segments before the image data, check for an end of image, and remove metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    check_dimensions,
    check_piece_count,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats import exif
from retouch.imaging.formats.jpeg_scans import END_OF_IMAGE, check_scan_count, iter_scan_markers
from retouch.imaging.limits import Limits

# Fill bytes, stuffed bytes and stray bytes before a marker are skipped, as decoders skip them.
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
START_OF_SCAN = 0xDA
_ARITHMETIC_FRAMES = (0xC9, 0xCA)  # sequential, progressive
SUPPORTED_FRAMES = (0xC0, 0xC1, 0xC2, *_ARITHMETIC_FRAMES)  # baseline, extended, progressive
_UNSUPPORTED_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
_STANDALONE_MARKERS = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
_SEGMENT_MARKERS = {*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE}
_APP_MARKERS = range(0xE0, 0xF0)
_COMMENT = 0xFE
_MODELS_BY_CHANNELS = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_ICC_SIGNATURE = b"ICC_PROFILE\0"


class Segment(NamedTuple):
    """The code of a marker, and the position of its data after the two length bytes."""

    code: int
    start: int
    end: int


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check a JPEG up to its first scan, that an end of image follows, and the number of scans. Raises InvalidImage."""
    frame_size: tuple[int, int] | None = None
    orientation: int | None = None
    scan_start = len(data)
    for count, segment in enumerate(iter_segments(data)):
        check_piece_count(count, limits)
        if segment.code in SUPPORTED_FRAMES or segment.code in _UNSUPPORTED_FRAMES:
            frame_size = _read_frame_size(data, segment, frame_size)
            check_dimensions(*frame_size, limits)
        elif (
            orientation is None
            and segment.code == 0xE1
            and data[segment.start : segment.start + 4] == b"Exif"
        ):
            orientation = exif.read_orientation(data[segment.start : segment.end])
        scan_start = segment.end
    if frame_size is None:
        raise damaged_image_error("the JPEG has no frame header")
    if data.rfind(b"\xff\xd9", scan_start) < 0:
        raise truncated_image_error("the JPEG has no end-of-image marker")
    check_scan_count(data, scan_start, frame_size, limits)
    return ImageHeader(*frame_size, has_alpha=False, orientation=orientation or 1)


def strip_metadata(data: bytes, *, profile: bool = True) -> bytes:
    """Return a checked JPEG without EXIF, XMP, comments, thumbnails and trailing bytes.

    `profile` says whether the colour profile stays.
    """
    output: list[bytes | memoryview] = [data[:2]]
    scan_start = len(data)
    for segment in iter_segments(data):
        output.append(_strip_segment(data, segment, profile))
        scan_start = segment.end
    return b"".join([*output, *_iter_scan_data(data, scan_start)])


def read_icc_profile(data: bytes) -> bytes:
    """Return the ICC colour profile of a checked JPEG, or b"" when it has none.

    A JPEG stores its profile in numbered pieces, which are joined in order.
    """
    start = len(_ICC_SIGNATURE) + 2
    pieces = [data[p.start : p.end] for p in iter_segments(data) if _is_profile(data, p)]
    return b"".join(piece[start:] for piece in sorted(pieces, key=lambda piece: piece[: start - 1]))


def is_8bit_grey_or_rgb(data: bytes) -> bool:
    """Return whether a checked JPEG is grey or has three channels. Four channels mean CMYK."""
    return all(
        data[part.start + 5] < 4 for part in iter_segments(data) if part.code in SUPPORTED_FRAMES
    )


def colour_model(data: bytes) -> str:
    """Return what the channels of a checked JPEG are, as an ICC signature."""
    frame = next(part for part in iter_segments(data) if part.code in SUPPORTED_FRAMES)
    return _MODELS_BY_CHANNELS[data[frame.start + 5]]


def uses_arithmetic_coding(data: bytes) -> bool:
    """Return whether a checked JPEG is coded arithmetically, which most decoders cannot read."""
    return any(segment.code in _ARITHMETIC_FRAMES for segment in iter_segments(data))


def iter_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments up to and including the header of the first scan. Raises InvalidImage."""
    at = 2
    while match := _MARKER.search(data, at):
        at = match.end()
        code, start = data[at - 1], at + 2
        if code in _STANDALONE_MARKERS:
            continue
        if code not in _SEGMENT_MARKERS:
            raise damaged_image_error(
                f"the JPEG has an unexpected marker, {code:02X}, before its image data"
            )
        end = at = at + int.from_bytes(data[at:start])
        if end < start or end > len(data):
            break
        yield Segment(code, start, end)
        if code == START_OF_SCAN:
            return
    raise truncated_image_error("the JPEG has no image data")


def _read_frame_size(
    data: bytes, segment: Segment, previous_size: tuple[int, int] | None
) -> tuple[int, int]:
    """Return (width, height) in pixels from a frame header."""
    body = data[segment.start : segment.end]
    if previous_size or len(body) < 9 or len(body) != 6 + 3 * body[5]:
        raise damaged_image_error("the JPEG's frame header is invalid")
    if segment.code in _UNSUPPORTED_FRAMES or body[0] != 8 or body[5] not in (1, 3, 4):
        message = (
            f"is an uncommon JPEG ({body[0]} bits, {body[5]} channels, SOF{segment.code - 0xC0}); "
            "8-bit sequential and progressive JPEG are accepted. Convert it first."
        )
        raise InvalidImage("unsupported_image_format", message)
    if any(not 1 <= half <= 4 for byte in body[7::3] for half in divmod(byte, 16)):
        raise damaged_image_error("the JPEG's frame header is invalid")
    return int.from_bytes(body[3:5]), int.from_bytes(body[1:3])


def _is_profile(data: bytes, segment: Segment) -> bool:
    return segment.code == 0xE2 and data[segment.start : segment.start + 12] == _ICC_SIGNATURE


def _strip_segment(data: bytes, segment: Segment, profile: bool) -> bytes | memoryview:
    """Return the part of a segment that is needed to display the image, or b"" when none of it is needed.

    The needed parts are tables, frame, scan and colour information.
    """
    if segment.code == 0xE0 and data[segment.start : segment.start + 5] == b"JFIF\0":
        # Keep the JFIF header without its thumbnail.
        return _build_segment(0xE0, data[segment.start : segment.start + 12] + b"\0\0")
    if segment.code == 0xEE and data[segment.start : segment.start + 5] == b"Adobe":
        # The Adobe segment is needed, because it defines the meaning of the channels.
        return _build_segment(0xEE, data[segment.start : segment.start + 12])
    is_needed = segment.code not in _APP_MARKERS and segment.code != _COMMENT
    if is_needed or (profile and _is_profile(data, segment)):
        return memoryview(data)[segment.start - 4 : segment.end]
    return b""


def _build_segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(body) + 2).to_bytes(2) + body


def _iter_scan_data(data: bytes, start: int) -> Iterator[bytes | memoryview]:
    """Yield the data from the first scan to the end of the image, without the metadata between scans."""
    view, copy_start = memoryview(data), start
    for marker in iter_scan_markers(data, start):
        if marker.code == END_OF_IMAGE:
            yield view[copy_start : marker.end]
            return
        if marker.code in _APP_MARKERS or marker.code == _COMMENT:
            yield view[copy_start : _skip_fill_bytes(data, copy_start, marker.start)]
            copy_start = marker.end
    yield view[copy_start : data.rfind(bytes((0xFF, END_OF_IMAGE))) + 2]


def _skip_fill_bytes(data: bytes, start: int, end: int) -> int:
    """Return the position of the fill bytes that end at `end`.

    They must go with the marker after them. Otherwise they form a marker with the byte after its segment.
    """
    while end > start and data[end - 1] == 0xFF:
        end -= 1
    return end
