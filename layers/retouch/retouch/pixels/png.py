"""PNG: is it whole, how large is it, and what may be left out of it. Pixels are never decoded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import NamedTuple

from retouch.pixels import exif
from retouch.pixels.header import Header
from retouch.pixels.limits import DEFAULT, Limits
from retouch.pixels.png_data import Layout, check_data
from retouch.pixels.png_text import check_text
from retouch.pixels.refusal import (
    UnfitError,
    animated,
    check_pieces,
    check_size,
    damaged,
    truncated,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD, _SUM = Struct(">I4s"), Struct(">I")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# How long the chunks may be that show the picture and its colours; where longer, decoders do not read the rest.
_MOST = {
    **{b"IHDR": 13, b"PLTE": 768, b"IDAT": 2**31, b"tRNS": 256},
    **{b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"sBIT": 4},
}
_LAST = b"\0\0\0\0IEND\xaeB`\x82"
_PROFILE = b"iCCP"
_PALETTE = 3
_ALPHA = 4
_RGBA = 6


class Chunk(NamedTuple):
    """One chunk's kind and where its data lies."""

    kind: bytes
    start: int
    end: int


def read(data: bytes, limits: Limits) -> Header:
    """Check a PNG without decoding it, in linear time and bounded memory.

    Every chunk's CRC is verified, which proves the integrity of a large picture end to end; beyond
    that the first 64 KiB of image data are inflated, which for a small picture is all of it.
    Raises UnfitError.
    """
    view = memoryview(data)
    layout = _layout(view)
    check_size(layout.width, layout.height, limits)
    found = _walk(view, limits)
    _check_order(found, layout)
    check_text([(c.kind, view[c.start : c.end]) for c in found if _ancillary(c)], limits)
    check_data([view[c.start : c.end] for c in found if c.kind == b"IDAT"], layout)
    kinds = {c.kind: c for c in reversed(found)}
    turned = kinds.get(b"eXIf")
    return Header(
        layout.width,
        layout.height,
        has_alpha=bool(layout.colour & _ALPHA) or b"tRNS" in kinds,
        orientation=exif.orientation(data[turned.start : turned.end]) if turned else 1,
    )


def essence(data: bytes, *, profile: bool = True) -> bytes:
    """A checked PNG with its pixels and colours only: no text, no EXIF, no trailing bytes."""
    view = memoryview(data)
    most = {
        **_MOST,
        **({} if data[25] == _PALETTE else {b"PLTE": 0}),
        _PROFILE: len(data) * profile,
    }
    kept = (c for c in chunks(view) if 0 < c.end - c.start <= most.get(c.kind, 0))
    return SIGNATURE + b"".join(view[c.start - 8 : c.end + 4] for c in kept) + _LAST


def profile(data: bytes) -> bytes:
    """A checked PNG's colour profile, b"" where it has none. `check_text` has bounded its size."""
    for chunk in chunks(memoryview(data)):
        if chunk.kind == _PROFILE:
            stream = data[chunk.start : chunk.end].partition(b"\0")[2][1:]
            try:
                return zlib.decompressobj().decompress(stream, DEFAULT.text_bytes)
            except zlib.error:
                return b""
        if chunk.kind == b"IDAT":  # a profile that comes after it is none
            break
    return b""


def ordinary(data: bytes) -> bool:
    """Whether a checked PNG has at most 8 bits a channel."""
    return data[24] <= 8


def full_colour(data: bytes) -> bool:
    """Whether a checked PNG has red, green, blue and alpha of 8 bits for each pixel: no palette, no grey."""
    return data[24] == 8 and data[25] == _RGBA


def chunks(view: memoryview) -> Iterator[Chunk]:
    """The chunks up to IEND. Raises UnfitError for a file that ends first, or is not chunks."""
    at, most, kind = len(SIGNATURE), len(view) - 12, b""
    while kind != b"IEND":
        if at > most:
            raise truncated("the PNG has no end")
        length, kind = _HEAD.unpack_from(view, at)
        if not kind.isalpha():
            raise damaged("the PNG has something other than a chunk in it")
        if at + length > most:
            raise truncated(f"its {kind.decode()} chunk reaches beyond the end of the file")
        yield Chunk(kind, at + 8, at + 8 + length)
        at += 12 + length


def _layout(view: memoryview) -> Layout:
    first = next(chunks(view))
    if first.kind == b"CgBI":
        raise damaged("it is Apple's private variant of PNG")
    if first.kind != b"IHDR" or first.end - first.start != 13:
        raise damaged("the PNG does not start with a header")
    _check_sum(view, first)
    return Layout.parse(bytes(view[first.start : first.end]))


def _walk(view: memoryview, limits: Limits) -> list[Chunk]:
    """All chunks, counted and with their CRCs verified."""
    found = list(islice(chunks(view), limits.pieces + 1))
    check_pieces(len(found), limits)
    if sum(map(_ancillary, found)) > limits.ancillary_chunks:
        text = f"has more than {limits.ancillary_chunks} metadata chunks. Remove its metadata."
        raise UnfitError("image_metadata_too_large", text)
    for chunk in found:
        _check_sum(view, chunk)
    return found


def _ancillary(chunk: Chunk) -> bool:
    """Decoders may skip it: the first letter is a small one."""
    return chunk.kind[0] >= 97


def _check_sum(view: memoryview, chunk: Chunk) -> None:
    kind, start, end = chunk
    if zlib.crc32(view[start - 4 : end]) != _SUM.unpack_from(view, end)[0]:
        raise damaged(f"the checksum of its {kind.decode()} chunk is wrong")


def _check_order(found: list[Chunk], layout: Layout) -> None:
    """One header, a palette where one is needed, image data in one run, one frame."""
    kinds = [chunk.kind for chunk in found]
    if b"acTL" in kinds:
        raise animated("PNG")
    if b"IDAT" not in kinds:
        raise damaged("the PNG has no image data")
    if kinds.count(b"IHDR") > 1 or kinds.count(b"PLTE") > 1:
        raise damaged("the PNG has two headers or two palettes")
    first = kinds.index(b"IDAT")
    if layout.colour == _PALETTE and b"PLTE" not in kinds[:first]:
        raise damaged("the PNG has no palette")
    if any(kind != b"IDAT" for kind in kinds[first : first + kinds.count(b"IDAT")]):
        raise damaged("the PNG's image data is scattered")
    for chunk in found:
        if not _ancillary(chunk) and chunk.kind not in _CRITICAL:
            raise damaged(f"the PNG needs an unknown chunk, {chunk.kind.decode()}")
