"""HEIC and AVIF files with other colour codes."""

import struct

from PIL import Image

from tests.support.images import encode_image

SAVE_FORMATS = {"heic": "HEIF", "avif": "AVIF"}
EXACT_SIZE = (128, 64)  # a multiple of the blocks of both codecs


def with_colour_codes(format, primaries, transfer, matrix):
    """Return a file of one colour with other code points in its colour property."""
    data = encode_image(
        Image.new("RGB", EXACT_SIZE, (200, 100, 40)), SAVE_FORMATS[format], quality=95
    )
    at = data.find(b"colrnclx") + len(b"colrnclx")
    return replace_at(data, at, struct.pack(">HHH", primaries, transfer, matrix))


def replace_at(data, position, new):
    return data[:position] + new + data[position + len(new) :]
