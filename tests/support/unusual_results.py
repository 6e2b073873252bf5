"""Results that a provider may return although they are damaged, animated or in another format."""

import io
import random
import struct
import zlib

# Pillow loads only the plugins that the gateway needs for most requests, so the others are imported here.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    TiffImagePlugin,
)

from tests.support.images import photo

# Pillow's names of formats that the gateway opens and that results of an edit do not have.
CONVERTED_FORMATS = (
    AvifImagePlugin.AvifImageFile.format,
    BmpImagePlugin.BmpImageFile.format,
    GifImagePlugin.GifImageFile.format,
    Jpeg2KImagePlugin.Jpeg2KImageFile.format,
    TiffImagePlugin.TiffImageFile.format,
)
GIF = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
JPEG_XL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64)  # the gateway recognizes it and cannot open it
DAMAGED_JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64)


def noise_image(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return an image of random colours, which hardly compresses."""
    return Image.frombytes(
        "RGB", (width, height), random.Random(seed).randbytes(width * height * 3)
    )


def png_with_wrong_checksum() -> bytes:
    """Return a PNG whose image data has the wrong CRC."""
    data = bytearray(photo())
    data[-30] ^= 0xFF
    return bytes(data)


def png_with_missing_lines(side: int = 400) -> bytes:
    """Return a PNG with intact chunks whose compressed image data ends in the middle.

    The break is beyond the part that the check of the structure decompresses.
    """
    pixels = noise_image(side, side).tobytes()
    lines = b"".join(b"\0" + pixels[at : at + side * 3] for at in range(0, len(pixels), side * 3))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(lines, 1)
    chunks = ((b"IHDR", header), (b"IDAT", data[: len(data) // 2]), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def png_without_pixels() -> bytes:
    """Return a PNG whose header states a size of 0x0."""
    header = struct.pack(">IIBBBBB", 0, 0, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IEND", b"")


def animation(format: str, size: tuple[int, int] = (64, 64)) -> bytes:
    """Return an animated "PNG" or "WEBP": red, then blue."""
    buffer = io.BytesIO()
    blue = Image.new("RGB", size, "blue")
    options = {"lossless": True} if format == "WEBP" else {}
    Image.new("RGB", size, "red").save(
        buffer, format, save_all=True, append_images=[blue], duration=100, **options
    )
    return buffer.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
