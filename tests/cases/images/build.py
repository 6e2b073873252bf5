"""Building blocks of the image cases: PNG chunks, zlib bombs, small images, encoders."""

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


IEND_CHUNK = chunk(b"IEND")


def header_data(width, height, depth=8, colour=6, interlace=0):
    return struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)


def header(*args, **kwargs):
    return chunk(b"IHDR", header_data(*args, **kwargs))


def image_data(width, height, pixel=b"\x10\x20\x30\xff"):
    """Return an IDAT chunk: unfiltered lines of one pixel value."""
    return chunk(b"IDAT", zlib.compress((b"\0" + pixel * width) * height, 9))


def png(width=8, height=8, middle=b"", tail=b"", depth=8, colour=6, pixel=b"\x10\x20\x30\xff"):
    start = SIGNATURE + header(width, height, depth, colour)
    return start + middle + image_data(width, height, pixel) + IEND_CHUNK + tail


def noise_lines(width, height, seed):
    """Return incompressible RGBA lines, not yet compressed."""
    source = random.Random(seed)
    return b"".join(b"\0" + source.randbytes(4 * width) for _ in range(height))


def zlib_bomb(megabytes, byte=b"\0"):
    """Return a zlib stream that inflates to `megabytes` MiB of one byte.

    A compressed block that ends in a full flush can be repeated, so the block is compressed once.
    """
    block = byte * MEGABYTE
    compressor = zlib.compressobj(9, wbits=-15)
    compressed_block = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(block, checksum)
    return b"\x78\x9c" + compressed_block * megabytes + b"\x03\0" + struct.pack(">I", checksum)


def noise_image():
    """Return a 64x48 RGB image that does not compress."""
    return Image.frombytes("RGB", (64, 48), random.Random(7).randbytes(64 * 48 * 3))


def gradient_image():
    """Return a 64x48 RGB image that compresses well."""
    return Image.linear_gradient("L").resize((64, 48)).convert("RGB")


def encode_image(image, format, **options):
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def private_exif():
    """Return EXIF data with a camera, a comment and a GPS position."""
    exif = Image.Exif()
    exif[0x010F], exif[0x9286] = "SECRET-CAMERA", "SECRET-COMMENT"
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (52.0, 31.0, 12.0)
    gps[3], gps[4] = "E", (13.0, 24.0, 18.0)
    return exif


SECRETS = (b"SECRET-CAMERA", b"SECRET-COMMENT", b"Exif", b"<script>", b"PK\x03\x04")
