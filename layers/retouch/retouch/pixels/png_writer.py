"""PNG files of masks, made faster and smaller than a general encoder makes them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from PIL import Image, ImageChops

from retouch.messages import Size
from retouch.pixels.png import SIGNATURE
from retouch.pixels.regions import Box, bands

_UP = b"\2"
_COLOURS = {"L": 0, "RGB": 2, "RGBA": 6}


def write_png(size: Size, mode: str, part: Callable[[Box], Image.Image], *, soft: bool) -> bytes:
    """An 8-bit PNG of an "L", "RGB" or "RGBA" picture whose lines `part` makes; `soft`: it has gradients.

    Every line is stored as its difference to the one above, which for a mask is nearly always
    nothing; Pillow would try five filters on each line first, which takes longer. Without gradients
    runs are all there is to find, so only runs are looked for. A few lines at a time: in colour, a
    large mask needs four times its memory.
    """
    packer = zlib.compressobj(6) if soft else zlib.compressobj(1, strategy=zlib.Z_RLE)
    kind = bytes((8, _COLOURS[mode], 0, 0, 0))
    header = size[0].to_bytes(4) + size[1].to_bytes(4) + kind
    data = b"".join(_packed(_changes(size, part), packer))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _changes(size: Size, part: Callable[[Box], Image.Image]) -> Iterator[memoryview]:
    """Each line as its difference to the one above."""
    for band in bands((0, 0, *size)):
        image = part(band)
        above = Image.new(image.mode, image.size)
        above.paste(image, (0, 1))
        if band[1]:
            above.paste(part((0, band[1] - 1, size[0], band[1])), (0, 0))
        changes = memoryview(ImageChops.subtract_modulo(image, above).tobytes())
        stride = len(changes) // image.height
        for at in range(0, len(changes), stride):
            yield changes[at : at + stride]


def _packed(lines: Iterable[memoryview], packer: zlib._Compress) -> Iterator[bytes]:
    """The zlib stream of all lines."""
    for line in lines:
        yield packer.compress(_UP)
        yield packer.compress(line)
    yield packer.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
