"""PNG files of one kind, made faster and smaller than a general encoder makes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL import Image, ImageChops

from retouch.pixels.png import SIGNATURE

_UP = b"\2"


def write_alpha(alpha: Image.Image) -> bytes:
    """A black RGBA PNG with this "L" image as its alpha channel.

    Every line is stored as its difference to the one above, which for a mask is nearly always
    nothing; Pillow would try five filters on each line first, which takes longer.
    """
    width, height = alpha.size
    above = Image.new("L", alpha.size)
    above.paste(alpha, (0, 1))
    empty = Image.new("L", alpha.size)
    changes = Image.merge("RGBA", (empty, empty, empty, ImageChops.subtract_modulo(alpha, above)))
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x06\0\0\0"
    data = b"".join(_packed(changes.tobytes(), 4 * width))
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _packed(pixels: bytes, stride: int) -> Iterator[bytes]:
    """The zlib stream of all lines; runs are all there is to find, so only runs are looked for."""
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    view = memoryview(pixels)
    for at in range(0, len(pixels), stride):
        yield packer.compress(_UP)
        yield packer.compress(view[at : at + stride])
    yield packer.flush()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)
