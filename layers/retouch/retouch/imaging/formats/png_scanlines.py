"""Check that the image data of a PNG starts with a zlib stream of scan lines."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.errors import damaged_image_error, truncated_image_error

# Image data of at most this length is inflated whole. Of more data, only the start is inflated: the CRCs prove that the
# file is complete, and the first lines show whether it is image data at all. The time is a tenth of a small edit's.
_MAX_WHOLE_BYTES = 65_536
_SAMPLE_BYTES = 8_192
_SLICE_BYTES = 16_384
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


@frozen_dataclass
class PngLayout:
    """The fields of a PNG header: size in pixels, bits per channel, colour type, and whether it is interlaced."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @classmethod
    def parse(cls, header: bytes) -> PngLayout:
        """Return the fields of the 13 bytes of IHDR. Raises InvalidImage for values that PNG does not define."""
        depth, colour, compression, filtering, interlace = header[8:]
        if depth not in _DEPTHS.get(colour, ()):
            raise damaged_image_error(f"PNG has no colour type {colour} with {depth} bits")
        if compression or filtering or interlace > 1:
            raise damaged_image_error("the PNG header names an unknown method")
        width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
        return cls(width, height, depth, colour, bool(interlace))

    def iter_passes(self) -> Iterator[tuple[int, int]]:
        """Yield (bytes per scan line with its filter byte, number of lines) for each pass."""
        for left, top, across, down in _ADAM7_PASSES if self.interlaced else ((0, 0, 1, 1),):
            width = -((left - self.width) // across)
            height = -((top - self.height) // down)
            if width > 0 and height > 0:
                yield 1 + (width * self.depth * _CHANNELS[self.colour] + 7) // 8, height


def check_scanlines(idat_chunks: Sequence[memoryview], layout: PngLayout) -> None:
    """Raise InvalidImage unless the data inflates to lines with a known filter, and no line is missing."""
    total_bytes = sum(stride * lines for stride, lines in layout.iter_passes())
    sample_bytes = total_bytes if total_bytes <= _MAX_WHOLE_BYTES else _SAMPLE_BYTES
    sample = _inflate_sample(idat_chunks, sample_bytes)
    _check_filters(sample, layout)
    if len(sample) < sample_bytes:
        raise truncated_image_error("the PNG's image data ends before the last line")


def _inflate_sample(idat_chunks: Sequence[memoryview], max_bytes: int) -> bytes:
    """Return up to `max_bytes` bytes of inflated image data, fewer only when there are no more."""
    inflater = zlib.decompressobj()
    sample = bytearray()
    try:
        for piece in _iter_slices(idat_chunks):
            sample += inflater.decompress(piece, max_bytes - len(sample))
            if len(sample) == max_bytes or inflater.eof:
                break
    except zlib.error as error:
        raise damaged_image_error("the PNG's image data is not a zlib stream") from error
    return bytes(sample)


def _iter_slices(idat_chunks: Sequence[memoryview]) -> Iterator[memoryview]:
    """Yield the data in small slices, because zlib copies all input that it does not use."""
    for piece in idat_chunks:
        for at in range(0, len(piece), _SLICE_BYTES):
            yield piece[at : at + _SLICE_BYTES]


def _check_filters(sample: bytes, layout: PngLayout) -> None:
    """Raise InvalidImage when a line of the sample has an unknown filter."""
    start = 0
    for stride, lines in layout.iter_passes():
        filters = sample[start : start + stride * lines : stride]
        if max(filters, default=0) > 4:
            raise damaged_image_error("the PNG's image data is not made of scan lines")
        start += stride * lines
