"""Compresses images as PNG files of fewer bytes, with the same pixels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from sys import byteorder

from retouch.core.edit_types import EncodedImage
from retouch.imaging.codec import decode, save_with_pillow
from retouch.imaging.inspect import inspect_image
from retouch.imaging.pillow import Image

_ZLIB_SETTINGS = ((6, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_FILTERED))


def recompress_png(image: EncodedImage, max_bytes: int) -> EncodedImage | None:
    """Return the image as an upright PNG of fewer than `max_bytes` bytes, or None when that is not possible.

    The result is lossless: read as RGBA, every pixel is the same, and a colour profile stays. A PNG that is small
    enough is returned unchanged. The function takes 0.1 to 2 s a megapixel, so it is meant for files a little over a
    limit. Raises InvalidRequest (image_parse_error) like `decode`.
    """
    if image.format == "png" and not image.has_exif_rotation and len(image.data) < max_bytes:
        return image
    pixels = decode(image)
    profile = pixels.info.get("icc_profile")
    for data in _iter_encodings(_reduce_mode(pixels), profile):
        if len(data) < max_bytes:
            return inspect_image(data)
    return None


def recompress_png_same_mode(image: EncodedImage, max_bytes: int) -> EncodedImage | None:
    """Return the image as a PNG of fewer than `max_bytes` bytes in its own mode, or None when that is not possible.

    It is for receivers that need the mode of the image: "L", "RGB" or "RGBA", with 8 bits a channel.
    """
    for data in _iter_encodings(decode(image), None):
        if len(data) < max_bytes:
            return inspect_image(data)
    return None


def _iter_encodings(image: Image.Image, profile: bytes | None) -> Iterator[bytes]:
    """Yield PNG files of the image, each with more compression effort than the one before."""
    for level, strategy in _ZLIB_SETTINGS:
        yield save_with_pillow(
            image, "png", compress_level=level, compress_type=strategy, icc_profile=profile
        )


def _reduce_mode(image: Image.Image) -> Image.Image:
    """Return the image in the smallest mode that holds all of it. With a colour profile, RGB is not made grey."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    if image.mode == "RGB" and "icc_profile" not in image.info and _is_grey(image):
        image = image.getchannel("R")
    # Up to 16 levels of grey fit into half a byte. With more levels, a grey image is smaller than a palette image.
    has_few_colours = image.getcolors(16 if image.mode == "L" else 256)
    return _to_palette(image) if has_few_colours else image


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = (band.tobytes() for band in image.split())
    return red == green == blue


def _to_palette(image: Image.Image) -> Image.Image:
    """Return the image, with at most 256 colours and their alpha values, as a palette image.

    Pillow's own conversion to a palette is not exact.
    """
    pixels = memoryview(image.convert("RGBA").tobytes()).cast("I")
    index = {pixel: n for n, pixel in enumerate(sorted(set(pixels)))}
    indexed = Image.frombytes("P", image.size, bytes(map(index.__getitem__, pixels)))
    colours = b"".join(pixel.to_bytes(4, byteorder) for pixel in index)
    indexed.putpalette(colours, "RGBA" if image.mode == "RGBA" else "RGBX")
    return indexed
