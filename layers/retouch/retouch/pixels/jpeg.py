"""JPEG: the segments before the picture data, and whether the picture ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from retouch.pixels import exif
from retouch.pixels.header import Header
from retouch.pixels.limits import DEFAULT, Limits
from retouch.pixels.refusal import UnfitError, check_pieces, check_size, damaged, truncated

# Fill bytes, stuffed bytes and stray bytes before a marker are skipped, as decoders do.
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
# Within a scan a stuffed 00 and restart markers are data.
_IN_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SCAN, _END = 0xDA, 0xD9
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
_SEGMENTS = {*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE}
_APP = range(0xE0, 0xF0)
_COMMENT = 0xFE
_PROFILE = b"ICC_PROFILE\0"


class Segment(NamedTuple):
    """A marker's code and where its data lies, after the two length bytes."""

    code: int
    start: int
    end: int


def read(data: bytes, limits: Limits) -> Header:
    """Check a JPEG up to its first scan, and that an end of image follows. Raises UnfitError."""
    frame: tuple[int, int] | None = None
    turned: int | None = None
    scan = len(data)
    for count, part in enumerate(segments(data)):
        check_pieces(count, limits)
        if part.code in _FRAMES or part.code in _OTHER_FRAMES:
            frame = _frame(data, part, frame)
            check_size(*frame, limits)
        elif turned is None and part.code == 0xE1 and data[part.start : part.start + 4] == b"Exif":
            turned = exif.orientation(data[part.start : part.end])
        scan = part.end
    if frame is None:
        raise damaged("the JPEG has no frame header")
    if data.rfind(b"\xff\xd9", scan) < 0:
        raise truncated("the JPEG has no end-of-image marker")
    return Header(*frame, has_alpha=False, orientation=turned or 1)


def essence(data: bytes, *, profile: bool = True) -> bytes:
    """A checked JPEG without EXIF, XMP, comments, thumbnails and trailing bytes, with its colour profile or not."""
    kept: list[bytes | memoryview] = [data[:2]]
    scan = len(data)
    for part in segments(data):
        kept.append(_kept(data, part, profile))
        scan = part.end
    return b"".join([*kept, *_scans(data, scan)])


def profile(data: bytes) -> bytes:
    """A checked JPEG's colour profile, b"" where it has none. It comes in numbered pieces."""
    start = len(_PROFILE) + 2
    pieces = [data[p.start : p.end] for p in segments(data) if _is_profile(data, p)]
    return b"".join(piece[start:] for piece in sorted(pieces, key=lambda piece: piece[: start - 1]))


def ordinary(data: bytes) -> bool:
    """Whether a checked JPEG is grey or has three channels; four are inks."""
    return all(data[part.start + 5] < 4 for part in segments(data) if part.code in _FRAMES)


def segments(data: bytes) -> Iterator[Segment]:
    """The segments up to and including the first scan's header. Raises UnfitError."""
    at = 2
    while found := _MARKER.search(data, at):
        at = found.end()
        code, start = data[at - 1], at + 2
        if code in _BARE:
            continue
        if code not in _SEGMENTS:
            raise damaged(f"the JPEG has an unexpected marker, {code:02X}, before its picture data")
        end = at = at + int.from_bytes(data[at:start])
        if end < start or end > len(data):
            break
        yield Segment(code, start, end)
        if code == _SCAN:
            return
    raise truncated("the JPEG has no picture data")


def _frame(data: bytes, part: Segment, earlier: tuple[int, int] | None) -> tuple[int, int]:
    """(width, height) in pixels from a frame header."""
    body = data[part.start : part.end]
    if earlier or len(body) < 9 or len(body) != 6 + 3 * body[5]:
        raise damaged("the JPEG's frame header makes no sense")
    if part.code in _OTHER_FRAMES or body[0] != 8 or body[5] not in (1, 3, 4):
        text = (
            f"is an uncommon JPEG ({body[0]} bits, {body[5]} channels, SOF{part.code - 0xC0}); "
            "8-bit baseline and progressive JPEG are accepted. Convert it first."
        )
        raise UnfitError("unsupported_image_format", text)
    if any(not 1 <= half <= 4 for byte in body[7::3] for half in divmod(byte, 16)):
        raise damaged("the JPEG's frame header makes no sense")
    return int.from_bytes(body[3:5]), int.from_bytes(body[1:3])


def _is_profile(data: bytes, part: Segment) -> bool:
    return part.code == 0xE2 and data[part.start : part.start + 12] == _PROFILE


def _kept(data: bytes, part: Segment, profile: bool) -> bytes | memoryview:
    """A segment as far as it is needed to show the picture: tables, frame, scan, colours. b"" where it is not."""
    if part.code == 0xE0 and data[part.start : part.start + 5] == b"JFIF\0":
        return _segment(0xE0, data[part.start : part.start + 12] + b"\0\0")  # and no thumbnail
    if part.code == 0xEE and data[part.start : part.start + 5] == b"Adobe":
        return _segment(0xEE, data[part.start : part.start + 12])  # says what the channels are
    needed = part.code not in _APP and part.code != _COMMENT
    if needed or (profile and _is_profile(data, part)):
        return memoryview(data)[part.start - 4 : part.end]
    return b""


def _segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(body) + 2).to_bytes(2) + body


def _scans(data: bytes, start: int) -> Iterator[bytes | memoryview]:
    """From the first scan's data to the end of the image, without what is no picture between the scans.

    Tables between scans may contain the end's bytes, and a second picture may follow the first.
    """
    view, at, begun = memoryview(data), start, start
    for _ in range(DEFAULT.pieces):
        found = _IN_SCAN.search(data, at)
        if found is None:
            break
        code, at = data[found.end() - 1], found.end() + 2
        if code == _END:
            yield view[begun : found.end()]
            return
        end = found.end() + int.from_bytes(data[found.end() : at])
        if code in _APP or code == _COMMENT:
            yield view[begun : found.start()]
            begun = end
        at = end
    yield view[begun : data.rfind(bytes((0xFF, _END))) + 2]
