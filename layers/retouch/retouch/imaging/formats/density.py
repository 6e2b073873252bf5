"""The pixel density of PNG and JPEG files ("dpi"): read it, and write it into a file that is already encoded."""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.formats.jpeg import iter_segments
from retouch.imaging.formats.png import SIGNATURE, iter_chunks

_PHYS, _HEAD_BYTES = Struct(">IIB"), len(SIGNATURE) + 25  # the signature and the IHDR chunk
_CHUNK_LENGTH, _CRC = Struct(">I"), Struct(">I")
_JFIF = Struct(">5s2sBHH")  # signature, version, unit, density of x and y
_DOTS_PER_INCH, _DOTS_PER_CM, _MAX_JFIF_DENSITY = 1, 2, 65_535
_INCHES_PER_METRE = 1 / 0.0254


@frozen_dataclass
class PixelDensity:
    """Pixels per metre, across and down."""

    x: int
    y: int


def read_density(data: bytes, format: str) -> PixelDensity | None:
    """Return the density that a checked file states, or None. Formats other than PNG and JPEG state none here."""
    if format == "png":
        return _read_png_density(data)
    return _read_jpeg_density(data) if format == "jpeg" else None


def write_density(data: bytes, format: str, density: PixelDensity) -> bytes:
    """Return a PNG or JPEG of this gateway with that density. A file of another format is returned unchanged."""
    if format == "png":
        return _write_png_density(data, density)
    return _write_jpeg_density(data, density) if format == "jpeg" else data


def _read_png_density(data: bytes) -> PixelDensity | None:
    for chunk in iter_chunks(memoryview(data)):
        if chunk.kind == b"pHYs" and chunk.end - chunk.start == _PHYS.size:
            x, y, unit = _PHYS.unpack_from(data, chunk.start)
            return PixelDensity(x, y) if unit == 1 and x and y else None
        if chunk.kind == b"IDAT":
            break
    return None


def _write_png_density(data: bytes, density: PixelDensity) -> bytes:
    if any(chunk.kind == b"pHYs" for chunk in iter_chunks(memoryview(data))):
        return data
    body = b"pHYs" + _PHYS.pack(density.x, density.y, 1)
    chunk = _CHUNK_LENGTH.pack(_PHYS.size) + body + _CRC.pack(crc32(body))
    view = memoryview(data)
    return b"".join((view[:_HEAD_BYTES], chunk, view[_HEAD_BYTES:]))


def _read_jpeg_density(data: bytes) -> PixelDensity | None:
    start = _jfif_start(data)
    if start is None:
        return None
    _, _, unit, x, y = _JFIF.unpack_from(data, start)
    per_metre = {_DOTS_PER_INCH: _INCHES_PER_METRE, _DOTS_PER_CM: 100.0}.get(unit)
    return (
        PixelDensity(round(x * per_metre), round(y * per_metre)) if per_metre and x and y else None
    )


def _write_jpeg_density(data: bytes, density: PixelDensity) -> bytes:
    start = _jfif_start(data)
    x, y = (round(value / _INCHES_PER_METRE) for value in (density.x, density.y))
    if start is None or not (0 < x <= _MAX_JFIF_DENSITY and 0 < y <= _MAX_JFIF_DENSITY):
        return data
    header = _JFIF.pack(b"JFIF\0", data[start + 5 : start + 7], _DOTS_PER_INCH, x, y)
    view = memoryview(data)
    return b"".join((view[:start], header, view[start + _JFIF.size :]))


def _jfif_start(data: bytes) -> int | None:
    """Return the position of the data of the JFIF header, which is the first segment, or None."""
    first = next(iter_segments(data))
    has_header = first.code == 0xE0 and data[first.start : first.start + 5] == b"JFIF\0"
    return first.start if has_header and first.end - first.start >= _JFIF.size else None
