"""WebP: check the RIFF chunks and the frame header inside them, and remove metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from retouch.core.image_formats import ImageHeader
from retouch.imaging.errors import (
    InvalidImage,
    animated_image_error,
    check_dimensions,
    check_piece_count,
    damaged_image_error,
    truncated_image_error,
)
from retouch.imaging.formats import exif
from retouch.imaging.limits import Limits

_LOSSY_CHUNK, _LOSSLESS_CHUNK, _EXTENDED_CHUNK = b"VP8 ", b"VP8L", b"VP8X"
_PIXEL_CHUNKS = (_EXTENDED_CHUNK, b"ALPH", _LOSSY_CHUNK, _LOSSLESS_CHUNK)
_ICC_CHUNK = b"ICCP"
_ANIMATION_CHUNK, _FRAME_CHUNK = b"ANIM", b"ANMF"
_FRAME_HEADER_BYTES = 16  # the place, the size and the duration of a frame, before its chunks
_ANIMATION_FLAG, _XMP_FLAG, _EXIF_FLAG, _ALPHA_FLAG, _ICC_FLAG = 0x02, 0x04, 0x08, 0x10, 0x20


class WebpChunk(NamedTuple):
    """The type of a chunk and the position of its data."""

    kind: bytes
    start: int
    end: int


def check_structure(data: bytes, limits: Limits) -> ImageHeader:
    """Check the chunks and headers of a WebP without decoding it. Raises InvalidImage."""
    first_chunks: dict[bytes, WebpChunk] = {}
    for count, chunk in enumerate(_iter_still_chunks(data)):
        check_piece_count(count, limits)
        first_chunks.setdefault(chunk.kind, chunk)
    bodies = {kind: data[chunk.start : chunk.end] for kind, chunk in first_chunks.items()}
    extended_header = (
        _read_extended_header(bodies[_EXTENDED_CHUNK]) if _EXTENDED_CHUNK in bodies else None
    )
    if extended_header:
        _check_webp_size(extended_header, limits)
    _reject_animation(data, bodies.get(_EXTENDED_CHUNK, b""))
    frame_header = _read_frame_header(bodies)
    _check_webp_size(frame_header, limits)
    if extended_header and (extended_header.width, extended_header.height) != (
        frame_header.width,
        frame_header.height,
    ):
        raise damaged_image_error("the WebP states two different sizes")
    header = extended_header or frame_header
    return ImageHeader(
        header.width,
        header.height,
        header.has_alpha,
        exif.read_orientation(bodies.get(b"EXIF", b"")),
    )


def strip_metadata(data: bytes, *, profile: bool = True) -> bytes:
    """Return a checked WebP without EXIF, XMP, unknown chunks and trailing bytes. An animation of one frame is a still.

    `profile` says whether the colour profile stays.
    """
    removed_flags = _ANIMATION_FLAG | _EXIF_FLAG | _XMP_FLAG | (0 if profile else _ICC_FLAG)
    preserved_kinds = {*_PIXEL_CHUNKS, *([_ICC_CHUNK] if profile else ())}
    parts = []
    for chunk in _iter_still_chunks(data):
        if chunk.kind in preserved_kinds:
            body = data[chunk.start - 8 : chunk.end]
            parts.append(
                _clear_flags(body, removed_flags) if chunk.kind == _EXTENDED_CHUNK else body
            )
            parts.append(b"\0" * (len(body) % 2))
    payload = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(payload).to_bytes(4, "little") + payload


def read_icc_profile(data: bytes) -> bytes:
    """Return the ICC colour profile of a checked WebP, or b"" when it has none."""
    profiles = (data[c.start : c.end] for c in iter_chunks(data) if c.kind == _ICC_CHUNK)
    return next(profiles, b"")


def is_lossy(data: bytes) -> bool:
    """Return whether a checked WebP is stored with lossy compression."""
    return any(chunk.kind == _LOSSY_CHUNK for chunk in _iter_still_chunks(data))


def iter_chunks(data: bytes) -> Iterator[WebpChunk]:
    """Yield the chunks inside the RIFF container. Raises InvalidImage when the file is too short."""
    stop = 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        raise truncated_image_error(
            f"the WebP header states {stop} bytes, but the file has {len(data)}"
        )
    yield from _iter_range(data, 12, stop)


def _iter_still_chunks(data: bytes) -> Iterator[WebpChunk]:
    """Yield the chunks of a still image. Those of a frame take the place of the frame."""
    for chunk in iter_chunks(data):
        if chunk.kind == _FRAME_CHUNK:
            yield from _iter_range(data, chunk.start + _FRAME_HEADER_BYTES, chunk.end)
        elif chunk.kind != _ANIMATION_CHUNK:
            yield chunk


def _iter_range(data: bytes, first: int, stop: int) -> Iterator[WebpChunk]:
    """Yield the chunks between two positions. Raises InvalidImage when one of them reaches beyond the second one."""
    start = first + 8
    while start <= stop:
        end = start + int.from_bytes(data[start - 4 : start], "little")
        if end > stop:
            raise truncated_image_error("a chunk of the WebP reaches beyond its end")
        yield WebpChunk(data[start - 8 : start - 4], start, end)
        start = end + (end - start) % 2 + 8


def _check_webp_size(header: ImageHeader, limits: Limits) -> None:
    check_dimensions(header.width, header.height, limits)
    if header.width * header.height > limits.webp_pixels:
        message = (
            f"is a WebP of {header.width}x{header.height} pixels; at most {limits.webp_pixels} in all are accepted "
            "in that format. Send it as PNG or JPEG, or scale it down."
        )
        raise InvalidImage("image_too_large", message)


def _read_extended_header(body: bytes) -> ImageHeader:
    if len(body) < 10:
        raise damaged_image_error("the WebP's extended header is too short")
    width, height = _read_edges(body, 4)
    return ImageHeader(width, height, has_alpha=bool(body[0] & _ALPHA_FLAG))


def _read_edges(body: bytes, start: int) -> tuple[int, int]:
    """Return the width and the height in the six bytes at `start`."""
    width, height = (1 + int.from_bytes(body[at : at + 3], "little") for at in (start, start + 3))
    return width, height


def _reject_animation(data: bytes, extended: bytes) -> None:
    """Raise InvalidImage for an animation, unless its one frame covers the canvas, so that it is a still image.

    `extended` is the extended header, or b"".
    """
    chunks = list(iter_chunks(data))
    kinds = {chunk.kind for chunk in chunks}
    is_flagged = bool(extended) and bool(extended[0] & _ANIMATION_FLAG)
    if not is_flagged and not kinds & {_ANIMATION_CHUNK, _FRAME_CHUNK}:
        return
    frames = [data[chunk.start : chunk.end] for chunk in chunks if chunk.kind == _FRAME_CHUNK]
    is_one_frame = len(frames) == 1 and not kinds & {_LOSSY_CHUNK, _LOSSLESS_CHUNK}
    if not extended or not is_one_frame or not _covers_canvas(frames[0], extended):
        raise animated_image_error("WebP")


def _covers_canvas(frame: bytes, extended: bytes) -> bool:
    return not any(frame[:6]) and _read_edges(frame, 6) == _read_edges(extended, 4)


def _read_frame_header(bodies: dict[bytes, bytes]) -> ImageHeader:
    if _LOSSLESS_CHUNK in bodies:
        return _read_lossless_header(bodies[_LOSSLESS_CHUNK])
    if _LOSSY_CHUNK in bodies:
        return _read_lossy_header(bodies[_LOSSY_CHUNK])
    raise damaged_image_error("the WebP has no image data")


def _read_lossless_header(body: bytes) -> ImageHeader:
    bits = int.from_bytes(body[1:5], "little")
    if len(body) < 6 or body[0] != 0x2F or bits >> 29:
        raise damaged_image_error("the WebP's lossless header is invalid")
    return ImageHeader(
        (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, has_alpha=bool(bits >> 28 & 1)
    )


def _read_lossy_header(body: bytes) -> ImageHeader:
    if len(body) < 11 or body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise damaged_image_error("the WebP's frame header is invalid")
    width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return ImageHeader(width, height, has_alpha=False)


def _clear_flags(chunk: bytes, removed_flags: int) -> bytes:
    """Return the extended header without the flags of the removed chunks."""
    flags = chunk[8] & ~removed_flags
    return chunk[:8] + bytes((flags,)) + chunk[9:]
