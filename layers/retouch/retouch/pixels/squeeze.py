"""The same pixels in fewer bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from sys import byteorder

from PIL import Image

from retouch.messages import Picture
from retouch.pixels.convert import decode
from retouch.pixels.inspect import inspect
from retouch.pixels.pillow import save

_TRIES = ((6, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_DEFAULT_STRATEGY), (9, zlib.Z_FILTERED))


def smaller_png(picture: Picture, most_bytes: int) -> Picture | None:
    """The picture as a PNG of fewer than `most_bytes` bytes, upright; None where there is none.

    Lossless: read as RGBA, every pixel is the same, and a colour profile stays. A PNG that is small
    enough is returned itself. Slow, 0.1 to 2 s a megapixel: meant for files a little over a limit.
    Raises InvalidRequest (image_parse_error) like `decode`.
    """
    if picture.format == "png" and not picture.rotated and len(picture.data) < most_bytes:
        return picture
    image = decode(picture)
    profile = image.info.get("icc_profile")
    for data in _written(_reduced(image), profile):
        if len(data) < most_bytes:
            return inspect(data)
    return None


def packed_png(picture: Picture, most_bytes: int) -> Picture | None:
    """The same in the mode that it has, for whom another would not do: "L", "RGB" or "RGBA", 8 bits a channel."""
    for data in _written(decode(picture), None):
        if len(data) < most_bytes:
            return inspect(data)
    return None


def _written(image: Image.Image, profile: bytes | None) -> Iterator[bytes]:
    """Ever harder tries."""
    for level, strategy in _TRIES:
        yield save(image, "png", compress_level=level, compress_type=strategy, icc_profile=profile)


def _reduced(image: Image.Image) -> Image.Image:
    """The image in the smallest mode that holds all of it. A profile is for colours: they stay then."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    if image.mode == "RGB" and "icc_profile" not in image.info and _is_grey(image):
        image = image.getchannel("R")
    # Up to 16 levels of grey fit into half a byte, more are better off as grey.
    few = image.getcolors(16 if image.mode == "L" else 256)
    return _indexed(image) if few else image


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = (band.tobytes() for band in image.split())
    return red == green == blue


def _indexed(image: Image.Image) -> Image.Image:
    """At most 256 colours, each with its alpha, as a palette; Pillow's own way there is not exact."""
    pixels = memoryview(image.convert("RGBA").tobytes()).cast("I")
    index = {pixel: n for n, pixel in enumerate(sorted(set(pixels)))}
    indexed = Image.frombytes("P", image.size, bytes(map(index.__getitem__, pixels)))
    colours = b"".join(pixel.to_bytes(4, byteorder) for pixel in index)
    indexed.putpalette(colours, "RGBA" if image.mode == "RGBA" else "RGBX")
    return indexed
