"""Building blocks: PNG chunks, zlib bombs, small pictures, encoders."""

import random
import struct
import zlib
from io import BytesIO

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MEGABYTE = 1_048_576


def chunk(kind, data=b"", crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


END = chunk(b"IEND")


def header_data(width, height, depth=8, colour=6, interlace=0):
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)


def header(*args, **kwargs):
    return chunk(b"IHDR", header_data(*args, **kwargs))


def lines(width, height, pixel=b"\x10\x20\x30\xff"):
    """Image data: unfiltered lines of one pixel value."""
    return chunk(b"IDAT", zlib.compress((b"\0" + pixel * width) * height, 9))


def png(width=8, height=8, middle=b"", tail=b"", depth=8, colour=6, pixel=b"\x10\x20\x30\xff"):
    start = SIGNATURE + header(width, height, depth, colour)
    return start + middle + lines(width, height, pixel) + END + tail


def noise_lines(width, height, seed):
    """Incompressible RGBA lines."""
    source = random.Random(seed)
    return b"".join(b"\0" + source.randbytes(4 * width) for _ in range(height))


def bomb(megabytes, byte=b"\0"):
    """A zlib stream of that many megabytes of one byte; blocks that end in a full flush repeat."""
    block = byte * MEGABYTE
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    total = 1
    for _ in range(megabytes):
        total = zlib.adler32(block, total)
    return b"\x78\x9c" + packed * megabytes + b"\x03\0" + struct.pack(">I", total)


def noise():
    """A 64x48 RGB picture that does not compress."""
    return Image.frombytes("RGB", (64, 48), random.Random(7).randbytes(64 * 48 * 3))


def gradient():
    """A 64x48 RGB picture that does."""
    return Image.linear_gradient("L").resize((64, 48)).convert("RGB")


def encoded(image, format, **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def private_exif():
    """EXIF with a camera, a comment and a place."""
    exif = Image.Exif()
    exif[0x010F], exif[0x9286] = "SECRET-CAMERA", "SECRET-COMMENT"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (52.0, 31.0, 12.0)
    place[3], place[4] = "E", (13.0, 24.0, 18.0)
    return exif


SECRETS = (b"SECRET-CAMERA", b"SECRET-COMMENT", b"Exif", b"<script>", b"PK\x03\x04")
