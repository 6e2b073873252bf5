"""Tests of drawn text: its position, its size, and characters that the font lacks."""

import pytest
from PIL import Image, ImageFont

from retouch.imaging.operations.program import read_steps, run_steps
from retouch.imaging.operations.values import InvalidSteps


def draw_text(canvas=(300, 200), **fields):
    plan = [{"op": "text", "color": "white", "outline": "transparent", **fields}]
    return run_steps(Image.new("RGB", canvas), read_steps(plan, False), None)


@pytest.mark.parametrize(
    ("position", "third"),
    [
        ("top-left", (0, 0)),
        ("top", (1, 0)),
        ("top-right", (2, 0)),
        ("left", (0, 1)),
        ("centre", (1, 1)),
        ("right", (2, 1)),
        ("bottom-left", (0, 2)),
        ("bottom", (1, 2)),
        ("bottom-right", (2, 2)),
    ],
)
def test_text_is_placed_in_requested_third(position, third):
    left, top, right, bottom = draw_text(text="Xy", position=position).getbbox()
    middle = (left + right) / 2, (top + bottom) / 2
    assert (int(middle[0] // 100), int(middle[1] // 67)) == third


def test_text_with_position_centre_is_centred():
    left, top, right, bottom = draw_text(text="HHH", position="centre").getbbox()
    assert abs(left - (300 - right)) <= 2
    assert abs(top - (200 - bottom)) <= 2


def test_text_size_is_line_height():
    small, large = (draw_text(text="H", size=size).getbbox() for size in ("20px", "80px"))
    assert (large[3] - large[1]) / (small[3] - small[1]) == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize(
    "text", ["a very long line that never ends " * 2, "a\nb\nc\nd\ne\nf\ng\nh"]
)
def test_too_large_text_is_reduced_until_it_fits(text):
    left, top, right, bottom = draw_text(text=text.strip(), size=1, position="top-left").getbbox()
    margin = 6
    assert left >= margin - 1
    assert top >= margin - 1
    assert right <= 300 - margin + 1
    assert bottom <= 200 - margin + 1


def test_text_too_small_to_read_raises_plan_error():
    with pytest.raises(InvalidSteps, match=r"Step 1 \(text\): the text does not fit"):
        draw_text(canvas=(20, 20), text="W" * 200)


def test_outline_colour_surrounds_letters():
    plain = draw_text(text="O", size=0.8, position="centre")
    outlined = draw_text(text="O", size=0.8, position="centre", outline="#00ff00")
    assert plain.getchannel("R").getextrema() == (0, 255)
    assert (0, 255, 0) in [colour for _, colour in outlined.getcolors(100_000)]


def test_text_is_drawn_in_requested_colour():
    assert draw_text(text="I", size=0.9, color="#102030").getextrema()[2][1] == 48


@pytest.mark.parametrize("text", ["Caf\u00e9", "\u4f60\u597d", "\u0416", "tab\there", "bell\x07"])
def test_character_missing_from_font_raises_plan_error(text):
    with pytest.raises(InvalidSteps, match="the font has no other letters"):
        draw_text(text=text)


@pytest.mark.parametrize("text", ["", "   ", "x" * 201])
def test_empty_or_too_long_text_raises_plan_error(text):
    with pytest.raises(InvalidSteps, match="1 to 200 characters"):
        draw_text(text=text)


def test_font_has_every_accepted_character():
    from retouch.imaging.operations.schema import _GLYPHS

    font = ImageFont.load_default(40)
    unknown = bytes(font.getmask("\uffff"))
    assert [c for c in _GLYPHS - {"\n"} if bytes(font.getmask(c)) == unknown] == []
