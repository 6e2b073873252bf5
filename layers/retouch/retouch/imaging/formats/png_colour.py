"""PNG: read the chunks that say what the colours of a file mean. Pixels are never decoded."""

from __future__ import annotations

from struct import unpack
from typing import NamedTuple

from retouch.imaging.formats.png import iter_chunks, read_icc_profile

_COLOUR_CHUNK_LENGTHS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_MAX_RENDERING_INTENT = 3
_GREY_COLOUR_TYPES = (0, 4)
_SECOND_CHUNK_TYPE = slice(37, 41)  # the first chunk is IHDR, which has 25 bytes
# Colour chunks after these chunks are not valid, and decoders ignore them.
_FIRST_PIXEL_CHUNKS = (b"PLTE", b"IDAT")


class CodingPoints(NamedTuple):
    """The four values of a cICP chunk, as ITU-T H.273 numbers them."""

    primaries: int
    transfer: int
    matrix: int
    full_range: int


class PngColourChunks(NamedTuple):
    """The colour chunks of a PNG. `gamma` and the chromaticities are in units of 1/100000."""

    is_grey: bool
    coding_points: CodingPoints | None = None
    icc_profile: bytes = b""
    is_srgb: bool = False
    gamma: int | None = None
    chromaticities: tuple[int, ...] | None = None  # x and y of white, red, green and blue


def read_colour_chunks(data: bytes) -> PngColourChunks:
    """Return the colour chunks of a checked PNG. The first chunk of a type counts. Chunks of a wrong length do not."""
    is_grey = data[25] in _GREY_COLOUR_TYPES
    if data[_SECOND_CHUNK_TYPE] == b"IDAT":
        return PngColourChunks(is_grey)
    found: dict[bytes, bytes] = {}
    for chunk in iter_chunks(memoryview(data)):
        if chunk.kind in _FIRST_PIXEL_CHUNKS:
            break
        if _COLOUR_CHUNK_LENGTHS.get(chunk.kind) == chunk.end - chunk.start:
            found.setdefault(chunk.kind, data[chunk.start : chunk.end])
    return PngColourChunks(
        is_grey=is_grey,
        coding_points=CodingPoints(*found[b"cICP"]) if b"cICP" in found else None,
        icc_profile=read_icc_profile(data),
        is_srgb=found.get(b"sRGB", b"\xff")[0] <= _MAX_RENDERING_INTENT,
        gamma=int.from_bytes(found[b"gAMA"]) if b"gAMA" in found else None,
        chromaticities=unpack(">8I", found[b"cHRM"]) if b"cHRM" in found else None,
    )
