"""Tests of blank results in the real image formats."""

import io

import pytest
from PIL import Image

from retouch.gateway.guardrails.image_checks import is_blank
from tests.support.images import photo


def reopened_image(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return Image.open(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("colour", ["black", "white", (120, 33, 7)])
def test_single_colour_image_is_blank_in_every_format(format, colour):
    assert is_blank(reopened_image(Image.new("RGB", (64, 48), colour), format))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_photo_is_not_blank(format):
    assert not is_blank(Image.open(io.BytesIO(photo(64, 48, format))))


def test_fully_transparent_image_is_blank():
    noise = Image.effect_noise((32, 32), 80)
    assert is_blank(
        reopened_image(Image.merge("RGBA", [noise] * 3 + [Image.new("L", (32, 32), 0)]))
    )


def test_shape_in_alpha_channel_is_not_blank():
    image = Image.new("RGBA", (32, 32), (10, 20, 30, 255))
    image.putpixel((3, 3), (10, 20, 30, 0))
    assert not is_blank(reopened_image(image))


def test_image_with_one_differing_pixel_is_not_blank():
    image = Image.new("L", (32, 32), 100)
    image.putpixel((3, 3), 109)
    assert not is_blank(reopened_image(image))
    image.putpixel((3, 3), 108)
    assert is_blank(reopened_image(image))


def test_palette_image_is_judged_by_its_colours():
    image = Image.new("P", (32, 32), 5)
    assert is_blank(reopened_image(image))
    image.putpalette([0, 0, 0] * 6 + [255, 0, 0])
    image.putpixel((3, 3), 6)
    assert not is_blank(reopened_image(image))
