"""The start of a PNG's image data: is it a zlib stream of scan lines?"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retouch.pixels.refusal import damaged, truncated

_SAMPLE = 65_536  # bytes of image data that are inflated
_PIECE = 16_384
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """A PNG header: size in pixels, bits per channel, colour type, whether it is interlaced."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @classmethod
    def parse(cls, header: bytes) -> Layout:
        """From the 13 bytes of IHDR. Raises UnfitError for values that the format does not have."""
        depth, colour, compression, filtering, interlace = header[8:]
        if depth not in _DEPTHS.get(colour, ()):
            raise damaged(f"PNG has no colour type {colour} with {depth} bits")
        if compression or filtering or interlace > 1:
            raise damaged("the PNG header names an unknown method")
        width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
        return cls(width, height, depth, colour, bool(interlace))

    def passes(self) -> Iterator[tuple[int, int]]:
        """(bytes per scan line with its filter byte, number of lines), for each pass."""
        for left, top, across, down in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            width = -((left - self.width) // across)
            height = -((top - self.height) // down)
            if width > 0 and height > 0:
                yield 1 + (width * self.depth * _CHANNELS[self.colour] + 7) // 8, height


def check_data(pieces: Sequence[memoryview], layout: Layout) -> None:
    """Raise UnfitError unless it inflates to lines with a known filter, none of them missing."""
    needed = sum(stride * lines for stride, lines in layout.passes())
    sample = _inflate(pieces, min(needed, _SAMPLE))
    _check_filters(sample, layout)
    if len(sample) < min(needed, _SAMPLE):
        raise truncated("the PNG's image data ends before the last line")


def _inflate(pieces: Sequence[memoryview], wanted: int) -> bytes:
    """Up to `wanted` bytes of image data; fewer only where there are no more."""
    inflater = zlib.decompressobj()
    sample = bytearray()
    try:
        for piece in _slices(pieces):
            sample += inflater.decompress(piece, wanted - len(sample))
            if len(sample) == wanted or inflater.eof:
                break
    except zlib.error as error:
        raise damaged("the PNG's image data is not a zlib stream") from error
    return bytes(sample)


def _slices(pieces: Sequence[memoryview]) -> Iterator[memoryview]:
    """In small slices, because zlib copies whatever it does not use."""
    for piece in pieces:
        for at in range(0, len(piece), _PIECE):
            yield piece[at : at + _PIECE]


def _check_filters(sample: bytes, layout: Layout) -> None:
    start = 0
    for stride, lines in layout.passes():
        filters = sample[start : start + stride * lines : stride]
        if max(filters, default=0) > 4:
            raise damaged("the PNG's image data is not made of scan lines")
        start += stride * lines
