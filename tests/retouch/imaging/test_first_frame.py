"""Tests of the first frame of an animation."""

import pytest
from PIL import AvifImagePlugin as AvifImagePlugin
from PIL import Image, Jpeg2KImagePlugin

from retouch.imaging.errors import InvalidImage
from retouch.imaging.first_frame import read_first_frame
from retouch.imaging.inspect import inspect_image
from tests.support.images import channel_values, decode_image, encode_image
from tests.support.unusual_results import animation


@pytest.mark.parametrize("format", ["png", "webp"])
def test_first_frame_is_a_still_image_with_the_same_pixels(format):
    data = read_first_frame(animation(format.upper(), (40, 30)), format)
    header = inspect_image(data)
    assert (header.format, header.size) == (format, (40, 30))
    assert channel_values(decode_image(data).convert("RGB"), (39, 29)) == (255, 0, 0)


@pytest.mark.parametrize(("primaries", "expected"), [(1, (200, 100, 40)), (12, (215, 93, 6))])
def test_first_frame_of_avif_has_the_colours_that_its_codes_mean(primaries, expected):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ((200, 100, 40), "blue")]
    data = encode_image(frames[0], "AVIF", save_all=True, append_images=frames[1:], quality=95)
    marked = data.replace(b"colrnclx\0\1", b"colrnclx\0" + bytes((primaries,)))
    colour = channel_values(decode_image(read_first_frame(marked, "avif")).convert("RGB"), (9, 9))
    assert all(abs(a - b) < 5 for a, b in zip(colour, expected, strict=True))


def test_image_above_the_pixel_limit_raises_invalid_image():
    header = encode_image(Image.new("L", (8, 8)), Jpeg2KImagePlugin.Jpeg2KImageFile.format)
    size = header.index(b"\xff\x51") + 8
    huge = header[:size] + (60_000).to_bytes(4) * 2 + header[size + 8 :]
    ihdr = huge.index(b"ihdr") + 4
    huge = huge[:ihdr] + (60_000).to_bytes(4) * 2 + huge[ihdr + 8 :]
    with pytest.raises(InvalidImage):
        read_first_frame(huge, "jp2")


@pytest.mark.parametrize("format", ["png", "webp"])
def test_damaged_first_frame_raises_invalid_image(format):
    with pytest.raises(InvalidImage):
        read_first_frame(animation(format.upper())[:80], format)
