"""Inflate the image data of a PNG photo with ISA-L in place of zlib, which takes twice as long.

Pillow's decoder also undoes the filters, so it stays. It gets the inflated data as blocks that are not compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack

from isal import isal_zlib

from retouch.imaging.formats.png import iter_chunks

_SLICE_BYTES = 16_384
MAX_BLOCK_BYTES = 65_535  # of a deflate block that is not compressed
_ZLIB_HEADER, _LAST_BLOCK = b"\x78\x01", b"\x01\x00\x00\xff\xff"
_CHANNELS = {2: 3, 6: 4}  # of true colour, without and with alpha
# Compressed bytes for each byte of the pixels. Zlib is fast enough for less, which is a drawing, and for more, which is
# noise (docs/speed.md).
_MIN_PHOTO_RATE, _MAX_PHOTO_RATE = 0.2, 0.9


def is_photo(data: bytes) -> bool:
    """Return whether a checked PNG has 8-bit colours that compress like those of a photo."""
    width, height, depth, colour = (
        int.from_bytes(data[16:20]),
        int.from_bytes(data[20:24]),
        data[24],
        data[25],
    )
    rate = len(data) / (width * height * _CHANNELS.get(colour, 1))
    return depth == 8 and colour in _CHANNELS and _MIN_PHOTO_RATE < rate < _MAX_PHOTO_RATE


def iter_stored_data(data: bytes) -> Iterator[bytes]:
    """Yield the image data of a checked PNG as a zlib stream of blocks that are not compressed.

    Raises IsalError when the data is damaged. It ends early when the data does.
    """
    return iter_stored_blocks(iter_inflated(data))


def iter_stored_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a zlib stream of blocks that are not compressed. A piece has at most MAX_BLOCK_BYTES bytes."""
    checksum = isal_zlib.adler32(b"")
    yield _ZLIB_HEADER
    for piece in pieces:
        checksum = isal_zlib.adler32(piece, checksum)
        yield pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF) + piece
    yield _LAST_BLOCK + checksum.to_bytes(4)


def iter_inflated(data: bytes) -> Iterator[bytes]:
    """Yield the image data of a checked PNG in pieces of at most MAX_BLOCK_BYTES bytes. Raises IsalError."""
    inflater = isal_zlib.decompressobj()
    for rest in _iter_slices(memoryview(data)):
        piece = inflater.decompress(rest, MAX_BLOCK_BYTES)
        while piece:
            yield piece
            # Without unused input, there may still be output in the inflater.
            piece = inflater.decompress(inflater.unconsumed_tail, MAX_BLOCK_BYTES)
        if inflater.eof:
            return


def _iter_slices(view: memoryview) -> Iterator[memoryview]:
    """Yield the data of the IDAT chunks in small slices, because the inflater copies all input that it does not use."""
    for chunk in iter_chunks(view):
        if chunk.kind == b"IDAT":
            for start in range(chunk.start, chunk.end, _SLICE_BYTES):
                yield view[start : min(start + _SLICE_BYTES, chunk.end)]
