"""Tests of the range of colours of a hole's surroundings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.imaging.inpaint.colour_range import measure_colour_range

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def image_of(colours):
    image = Image.new("RGB", (len(colours), 1))
    for x, colour in enumerate(colours):
        image.putpixel((x, 0), colour)
    return image


def measure_range_of(colours):
    return measure_colour_range(image_of(colours), Image.new("L", (len(colours), 1), 255))


def limit_colour(colour_range, colour):
    return colour_range.limit(image_of([colour])).getpixel((0, 0))


def list_levels(colour):
    red, green, blue = colour
    return red, green, blue, red - green, blue - green, blue - red


@settings(max_examples=200, deadline=None)
@given(st.lists(COLOURS, min_size=1, max_size=5), COLOURS)
def test_limited_colour_has_every_band_and_difference_in_range(colours, colour):
    levels = list_levels(limit_colour(measure_range_of(colours), colour))
    for level, known in zip(levels, zip(*map(list_levels, colours), strict=True), strict=True):
        assert min(known) <= level <= max(known)


@settings(max_examples=100, deadline=None)
@given(st.lists(COLOURS, min_size=1, max_size=5))
def test_known_colours_are_not_changed(colours):
    assert (
        measure_range_of(colours).limit(image_of(colours)).tobytes() == image_of(colours).tobytes()
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(COLOURS, min_size=1, max_size=5), COLOURS, st.sampled_from(range(3)))
def test_colours_that_differ_by_one_level_differ_by_one_level_after_the_limit(
    colours, colour, band
):
    other = tuple(min(255, level + (index == band)) for index, level in enumerate(colour))
    colour_range = measure_range_of(colours)
    first, second = (limit_colour(colour_range, each) for each in (colour, other))
    assert all(abs(a - b) <= 1 for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("marked", [0, 1])
def test_only_known_pixels_are_measured(marked):
    known = Image.new("L", (2, 1))
    known.putpixel((marked, 0), 255)
    colours = [(10, 20, 30), (200, 100, 50)]
    assert (
        limit_colour(measure_colour_range(image_of(colours), known), (90, 90, 90))
        == colours[marked]
    )
