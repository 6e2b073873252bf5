"""Real pictures of every kind, made once."""

import random
from functools import cache

from PIL import Image

from tests.support.pictures import encoded

KINDS = {
    "png": ("RGB", "PNG", {}),
    "png-alpha": ("RGBA", "PNG", {}),
    "png-grey": ("L", "PNG", {}),
    "png-grey-alpha": ("LA", "PNG", {}),
    "png-palette": ("P", "PNG", {}),
    "png-palette-alpha": ("P", "PNG", {"transparency": 3}),
    "png-bilevel": ("1", "PNG", {}),
    "jpeg": ("RGB", "JPEG", {}),
    "jpeg-progressive": ("RGB", "JPEG", {"progressive": True, "restart_marker_blocks": 2}),
    "jpeg-grey": ("L", "JPEG", {}),
    "jpeg-cmyk": ("CMYK", "JPEG", {}),
    "webp": ("RGB", "WEBP", {}),
    "webp-lossless": ("RGBA", "WEBP", {"lossless": True}),
    "webp-alpha": ("RGBA", "WEBP", {"quality": 50}),
}
CLEAR = ("png-alpha", "png-grey-alpha", "png-palette-alpha", "webp-lossless", "webp-alpha")


@cache
def sample(kind, size=(45, 30)):
    """A picture of that kind as bytes; its content is coarse noise."""
    mode, format, options = KINDS[kind]
    return encoded(in_mode(mode, size), format, **options)


def in_mode(mode, size=(45, 30)):
    """The content in a mode of Pillow's, opaque unless the mode is one with alpha."""
    image = content(size)
    return image.convert(mode) if "A" in mode else image.convert("RGB").convert(mode)


def content(size=(45, 30), seed=5):
    """RGBA: noise, and a slope from clear to opaque."""
    rough = Image.frombytes("RGB", (9, 6), random.Random(seed).randbytes(9 * 6 * 3))
    image = rough.resize(size).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(size))
    return image


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block
