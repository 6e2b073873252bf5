"""Real image files of every kind, created once. The plugins are imported, because the package loads few of them."""

import random
from functools import cache
from typing import Any

import pillow_heif
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, Image, TiffImagePlugin

from tests.support.images import encode_image

SAMPLE_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
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
# Kinds of the formats that are converted for providers.
CONVERTED_SAMPLE_KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "heic": ("RGB", "HEIF", {}),
    "heic-alpha": ("RGBA", "HEIF", {}),
    "heic-grey": ("L", "HEIF", {}),
    "heic-grid": ("RGB", "HEIF", {"tile_size": 16}),
    "avif": ("RGB", "AVIF", {}),
    "avif-alpha": ("RGBA", "AVIF", {}),
    "avif-grey": ("L", "AVIF", {}),
    "gif": ("P", "GIF", {}),
    "gif-transparent": ("P", "GIF", {"transparency": 17}),  # the lowest index of the sample
    "gif-interlaced": ("P", "GIF", {"interlace": 1}),
    "tiff": ("RGB", "TIFF", {}),
    "tiff-alpha": ("RGBA", "TIFF", {"compression": "tiff_lzw"}),
    "tiff-grey": ("L", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff-grey-alpha": ("LA", "TIFF", {}),
    "tiff-bilevel": ("1", "TIFF", {"compression": "group4"}),
    "tiff-palette": ("P", "TIFF", {"compression": "packbits"}),
    "tiff-cmyk": ("CMYK", "TIFF", {"compression": "tiff_deflate"}),
    "tiff-jpeg": ("RGB", "TIFF", {"compression": "jpeg"}),
    "bmp": ("RGB", "BMP", {}),
    "bmp-palette": ("P", "BMP", {}),
    "bmp-bilevel": ("1", "BMP", {}),
    "bmp-grey": ("L", "BMP", {}),
}
ALL_SAMPLE_KINDS = {**SAMPLE_KINDS, **CONVERTED_SAMPLE_KINDS}
KINDS_WITH_ALPHA = (
    "png-alpha",
    "png-grey-alpha",
    "png-palette-alpha",
    "webp-lossless",
    "webp-alpha",
    "heic-alpha",
    "avif-alpha",
    "gif-transparent",
    "tiff-alpha",
    "tiff-grey-alpha",
)
_PLUGINS = (AvifImagePlugin, BmpImagePlugin, GifImagePlugin, TiffImagePlugin)
pillow_heif.register_heif_opener()


@cache
def sample_bytes(kind, size=(45, 30)):
    """Return an image file of that kind. Its content is coarse noise."""
    mode, format, options = ALL_SAMPLE_KINDS[kind]
    return encode_image(sample_in_mode(mode, size), format, **options)


def sample_in_mode(mode, size=(45, 30)):
    """Return the sample image in a Pillow mode. It is opaque unless the mode has alpha."""
    image = sample_image(size)
    return image.convert(mode) if "A" in mode else image.convert("RGB").convert(mode)


def sample_image(size=(45, 30), seed=5):
    """Return an RGBA image: noise with an alpha gradient from transparent to opaque."""
    noise = Image.frombytes("RGB", (9, 6), random.Random(seed).randbytes(9 * 6 * 3))
    image = noise.resize(size).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(size))
    return image


def exif_with_orientation(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block
