"""Small real images, generated in memory."""

import base64
import io
import os
from collections.abc import Sequence
from typing import cast

from PIL import (  # the plugins too: the package registers only those of its own formats
    AvifImagePlugin as AvifImagePlugin,
)
from PIL import BmpImagePlugin as BmpImagePlugin
from PIL import GifImagePlugin as GifImagePlugin
from PIL import Image, ImageChops, ImageDraw
from PIL import TiffImagePlugin as TiffImagePlugin

Box = tuple[int, int, int, int]  # Left, top, right and bottom.


def encode_image(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def scene(width: int = 64, height: int = 64) -> Image.Image:
    """Return a Pillow image: a gradient with a red box in the middle third."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).rectangle(center_box(width, height), fill=(220, 30, 30))
    return image


def center_box(width: int, height: int) -> Box:
    return (width // 3, height // 3, 2 * width // 3 - 1, 2 * height // 3 - 1)


def photo(width: int = 64, height: int = 64, format: str = "PNG") -> bytes:
    return encode_image(scene(width, height), format)


def box_mask(width: int = 64, height: int = 64, marked_box: Box | None = None) -> bytes:
    """Return an OpenAI mask as PNG bytes.

    It is transparent at the red box, or at `marked_box`.
    """
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), marked_box or center_box(width, height))
    return encode_image(image)


def cutout(width: int = 64, height: int = 64) -> bytes:
    """Return the scene with a transparent box, as dall-e-2 callers send it instead of a mask."""
    image = scene(width, height).convert("RGBA")
    image.paste((0, 0, 0, 0), center_box(width, height))
    return encode_image(image)


def decode_image(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def format_name(image: Image.Image) -> str:
    """Return the format of a decoded image in lower case."""
    assert image.format is not None
    return image.format.lower()


def color_counts(image: Image.Image) -> Sequence[tuple[int, object]]:
    """Return [(number of pixels, value)] of an image with at most 256 different values."""
    counts = image.getcolors()
    assert counts is not None
    return counts


def grey_value(image: Image.Image, point: tuple[int, int]) -> float:
    """Return the value of a pixel of an image with one channel."""
    value = image.getpixel(point)
    assert isinstance(value, (int, float))
    return value


def channel_values(image: Image.Image, point: tuple[int, int]) -> tuple[int, ...]:
    """Return the values of a pixel of an image with several channels."""
    values = image.getpixel(point)
    assert isinstance(values, tuple)
    return values


def max_value(image: Image.Image) -> int:
    """Return the largest value of any channel of any pixel."""
    return max(cast("tuple[int, int]", band.getextrema())[1] for band in image.split())


def differing_area(first: Image.Image, second: Image.Image) -> Image.Image:
    """Return an "L" image, 255 where any channel of two images of the same mode differs."""
    largest, *others = ImageChops.difference(first, second).split()
    for band in others:
        largest = ImageChops.lighter(largest, band)
    return largest.point(lambda level: 255 if level else 0)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{b64(data)}"


def noise_png(megabytes: float) -> bytes:
    """Return a valid PNG of about that many megabytes. It contains noise, which does not compress."""
    side = int((megabytes * 1_000_000 / 3) ** 0.5)
    image = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    return encode_image(image, compress_level=0)
