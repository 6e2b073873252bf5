"""WebP: the RIFF chunks and the frame header inside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from retouch.pixels import exif
from retouch.pixels.header import Header
from retouch.pixels.limits import Limits
from retouch.pixels.refusal import (
    UnfitError,
    animated,
    check_pieces,
    check_size,
    damaged,
    truncated,
)

_LOSSY, _LOSSLESS, _EXTENDED = b"VP8 ", b"VP8L", b"VP8X"
_KEPT = (_EXTENDED, b"ALPH", _LOSSY, _LOSSLESS)
_PROFILE = b"ICCP"
_ANIMATION, _XMP, _EXIF, _ALPHA, _ICC = 0x02, 0x04, 0x08, 0x10, 0x20


class Chunk(NamedTuple):
    """One chunk's kind and where its data lies."""

    kind: bytes
    start: int
    end: int


def read(data: bytes, limits: Limits) -> Header:
    """Check a WebP's chunks and headers without decoding it. Raises UnfitError."""
    found: dict[bytes, Chunk] = {}
    for count, chunk in enumerate(chunks(data)):
        check_pieces(count, limits)
        found.setdefault(chunk.kind, chunk)
    body = {kind: data[chunk.start : chunk.end] for kind, chunk in found.items()}
    canvas = _canvas(body[_EXTENDED]) if _EXTENDED in body else None
    if canvas:
        _check_size(canvas, limits)
    if b"ANIM" in body or b"ANMF" in body:
        raise animated("WebP")
    frame = _frame(body)
    _check_size(frame, limits)
    if canvas and (canvas.width, canvas.height) != (frame.width, frame.height):
        raise damaged("the WebP names two different sizes")
    whole = canvas or frame
    return Header(
        whole.width, whole.height, whole.has_alpha, exif.orientation(body.get(b"EXIF", b""))
    )


def essence(data: bytes, *, profile: bool = True) -> bytes:
    """A checked WebP without EXIF, XMP, unknown chunks and what follows its end."""
    gone = _EXIF | _XMP | (0 if profile else _ICC)
    wanted = {*_KEPT, *([_PROFILE] if profile else ())}
    parts = []
    for chunk in chunks(data):
        if chunk.kind in wanted:
            body = data[chunk.start - 8 : chunk.end]
            parts.append(_unflagged(body, gone) if chunk.kind == _EXTENDED else body)
            parts.append(b"\0" * (len(body) % 2))
    inside = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(inside).to_bytes(4, "little") + inside


def profile(data: bytes) -> bytes:
    """A checked WebP's colour profile, b"" where it has none."""
    found = (data[c.start : c.end] for c in chunks(data) if c.kind == _PROFILE)
    return next(found, b"")


def lossy(data: bytes) -> bool:
    """Whether a checked WebP's colours come near the original's only."""
    return any(chunk.kind == _LOSSY for chunk in chunks(data))


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks inside the RIFF container. Raises UnfitError for a file that is too short."""
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        raise truncated(f"the WebP says it has {stop} bytes and has {len(data)}")
    start = 20
    while start <= stop:
        end = start + int.from_bytes(data[start - 4 : start], "little")
        if end > stop:
            raise truncated("a chunk of the WebP reaches beyond its end")
        yield Chunk(data[start - 8 : start - 4], start, end)
        start = end + (end - start) % 2 + 8


def _check_size(header: Header, limits: Limits) -> None:
    check_size(header.width, header.height, limits)
    if header.width * header.height > limits.webp_pixels:
        text = (
            f"is a WebP of {header.width}x{header.height} pixels; at most {limits.webp_pixels} in all are accepted "
            "in that format. Send it as PNG or JPEG, or scale it down."
        )
        raise UnfitError("image_too_large", text)


def _canvas(body: bytes) -> Header:
    if len(body) < 10:
        raise damaged("the WebP's extended header is too short")
    if body[0] & _ANIMATION:
        raise animated("WebP")
    width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (4, 7))
    return Header(width, height, has_alpha=bool(body[0] & _ALPHA))


def _frame(body: dict[bytes, bytes]) -> Header:
    if _LOSSLESS in body:
        return _lossless(body[_LOSSLESS])
    if _LOSSY in body:
        return _lossy(body[_LOSSY])
    raise damaged("the WebP has no image data")


def _lossless(body: bytes) -> Header:
    bits = int.from_bytes(body[1:5], "little")
    if len(body) < 6 or body[0] != 0x2F or bits >> 29:
        raise damaged("the WebP's lossless header is wrong")
    return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, has_alpha=bool(bits >> 28 & 1))


def _lossy(body: bytes) -> Header:
    if len(body) < 11 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise damaged("the WebP's frame header is wrong")
    width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return Header(width, height, has_alpha=False)


def _unflagged(chunk: bytes, gone: int) -> bytes:
    """An extended header that no longer announces what is gone."""
    flags = chunk[8] & ~gone
    return chunk[:8] + bytes((flags,)) + chunk[9:]
