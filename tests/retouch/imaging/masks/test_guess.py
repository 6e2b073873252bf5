"""Tests of the guess what a mask file marks."""

import subprocess
import sys

import pytest
from PIL import Image

from retouch.imaging.codec import flatten
from retouch.imaging.errors import InvalidImage
from retouch.imaging.masks.guess import guess_marking

SIZE = (60, 40)
CENTRE, BOTTOM, FRAME_INSIDE = (20, 10, 40, 25), (0, 30, 60, 40), (3, 3, 57, 37)


def draw(background, mark, box=CENTRE, mode="RGB"):
    image = Image.new(mode, SIZE, background)
    image.paste(mark, box)
    return image


@pytest.mark.parametrize(
    ("background", "mark", "marking"),
    [
        ("black", "white", "white"),
        ("white", "black", "black"),
        ((20, 20, 20), (230, 230, 230), "white"),
        ("black", "red", "colour"),
        ("white", "red", "colour"),
        ((90, 20, 140), (90, 200, 140), "colour"),
        ("black", (1, 1, 1), "colour"),
    ],
)
def test_mark_on_uniform_background_is_marked(background, mark, marking):
    guess = guess_marking(draw(background, mark))
    assert guess.marking == marking
    assert guess.pixels.tobytes() == draw(0, 255, mode="L").tobytes()


def test_minority_is_marked_where_the_mark_is_at_the_border():
    for mark in ("white", "black"):
        background = "black" if mark == "white" else "white"
        guess = guess_marking(draw(background, mark, BOTTOM))
        assert guess.marking == mark
        assert guess.pixels.tobytes() == draw(0, 255, BOTTOM, "L").tobytes()


def test_transparent_hole_is_marked():
    guess = guess_marking(draw((10, 20, 30, 255), (0, 0, 0, 0), mode="RGBA"))
    assert guess.marking == "alpha"
    assert guess.pixels.tobytes() == draw(0, 255, mode="L").tobytes()


def test_fully_transparent_file_is_read_as_alpha():
    assert guess_marking(Image.new("RGBA", SIZE)).marking == "alpha"


@pytest.mark.parametrize(
    ("image", "choices"),
    [
        (draw((0, 0, 0, 0), "white", mode="RGBA"), ("alpha", "opaque")),
        (draw("black", "white", FRAME_INSIDE), ("white", "black")),
        (draw("black", "white", (0, 0, 30, 40)), ("white", "black")),
        (Image.new("RGB", SIZE, "white"), ("two colours",)),
        (Image.effect_noise(SIZE, 90).convert("RGB"), ("white", "black", "alpha")),
        (Image.linear_gradient("L").resize(SIZE), ("white", "black", "alpha")),
    ],
    ids=["clear canvas", "frame", "halves", "one colour", "photo", "gradient"],
)
def test_ambiguous_file_is_refused_with_the_choices(image, choices):
    with pytest.raises(InvalidImage) as exc_info:
        guess_marking(image)
    assert exc_info.value.code == "mask_mode_ambiguous"
    assert all(choice in str(exc_info.value) for choice in choices)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2)])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_tiny_file_of_one_colour_is_refused_in_every_mode(mode, size):
    opaque = (9, 255) if mode == "LA" else (9, 9, 9, 255) if mode in ("RGBA", "CMYK") else 0
    with pytest.raises(InvalidImage):
        guess_marking(Image.new(mode, size, opaque))


@pytest.mark.parametrize("alpha", [255, 200])
@pytest.mark.parametrize("mark", ["red", "white"])
def test_rgba_file_without_a_hole_is_read_like_its_picture_on_white(mark, alpha):
    image = draw("black", mark, mode="RGBA")
    image.putalpha(alpha)
    expected = guess_marking(flatten(image))
    guess = guess_marking(image)
    assert guess.marking == expected.marking
    assert guess.pixels.tobytes() == expected.pixels.tobytes()


def test_opaque_rgba_mask_is_read_without_a_second_copy():
    """The process is a new one, because the kernel reports the peak of its whole life."""
    code = (
        "from PIL import Image\n"
        "from retouch.imaging.masks.guess import guess_marking\n"
        "from tests.support.peak_memory import peak_mb\n"
        "image = Image.new('RGBA', (5000, 5000), 'black')\n"  # 100 MB
        "image.paste('red', (100, 100, 2000, 2000))\n"
        "image.putpixel((3000, 3000), (0, 0, 0, 254))\n"
        "before = peak_mb()\n"
        "guess_marking(image)\n"
        "print(peak_mb() - before)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(process.stdout) < 160
