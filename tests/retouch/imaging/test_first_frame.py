"""Tests of the first frame of an animation."""

import pytest

from retouch.imaging.errors import InvalidImage
from retouch.imaging.first_frame import read_first_frame
from retouch.imaging.inspect import inspect_image
from tests.support.images import channel_values, decode_image
from tests.support.unusual_results import animation


@pytest.mark.parametrize("format", ["png", "webp"])
def test_first_frame_is_a_still_image_with_the_same_pixels(format):
    data = read_first_frame(animation(format.upper(), (40, 30)), format)
    header = inspect_image(data)
    assert (header.format, header.size) == (format, (40, 30))
    assert channel_values(decode_image(data).convert("RGB"), (39, 29)) == (255, 0, 0)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_damaged_first_frame_raises_invalid_image(format):
    with pytest.raises(InvalidImage):
        read_first_frame(animation(format.upper())[:80], format)
