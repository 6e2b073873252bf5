"""Blank results, as the formats really bring them."""

import io

import pytest
from PIL import Image

from retouch.guardrails import is_blank
from tests.support.pictures import photo


def opened(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return Image.open(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("colour", ["black", "white", (120, 33, 7)])
def test_one_colour_is_blank_in_every_format(format, colour):
    assert is_blank(opened(Image.new("RGB", (64, 48), colour), format))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_photo_is_not(format):
    assert not is_blank(Image.open(io.BytesIO(photo(64, 48, format))))


def test_what_is_invisible_is_blank_whatever_lies_under_it():
    noise = Image.effect_noise((32, 32), 80)
    assert is_blank(opened(Image.merge("RGBA", [noise] * 3 + [Image.new("L", (32, 32), 0)])))


def test_a_shape_in_the_alpha_channel_is_not_blank():
    image = Image.new("RGBA", (32, 32), (10, 20, 30, 255))
    image.putpixel((3, 3), (10, 20, 30, 0))
    assert not is_blank(opened(image))


def test_one_pixel_that_differs_is_not_blank():
    image = Image.new("L", (32, 32), 100)
    image.putpixel((3, 3), 109)
    assert not is_blank(opened(image))
    image.putpixel((3, 3), 108)
    assert is_blank(opened(image))


def test_a_palette_is_looked_up():
    image = Image.new("P", (32, 32), 5)
    assert is_blank(opened(image))
    image.putpalette([0, 0, 0] * 6 + [255, 0, 0])
    image.putpixel((3, 3), 6)
    assert not is_blank(opened(image))
