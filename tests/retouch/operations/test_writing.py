"""Text: where it stands, that it fits, what the font cannot write."""

import pytest
from PIL import Image, ImageFont

from retouch.operations.steps import read_steps, run
from retouch.operations.values import PlanError


def written(canvas=(300, 200), **fields):
    plan = [{"op": "text", "color": "white", "outline": "transparent", **fields}]
    return run(Image.new("RGB", canvas), read_steps(plan, False), None)


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
def test_text_stands_in_its_third(position, third):
    left, top, right, bottom = written(text="Xy", position=position).getbbox()
    middle = (left + right) / 2, (top + bottom) / 2
    assert (int(middle[0] // 100), int(middle[1] // 67)) == third


def test_text_in_the_centre_is_centred():
    left, top, right, bottom = written(text="HHH", position="centre").getbbox()
    assert abs(left - (300 - right)) <= 2
    assert abs(top - (200 - bottom)) <= 2


def test_size_is_the_height_of_a_line():
    small, large = (written(text="H", size=size).getbbox() for size in ("20px", "80px"))
    assert (large[3] - large[1]) / (small[3] - small[1]) == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize(
    "text", ["a very long line that never ends " * 2, "a\nb\nc\nd\ne\nf\ng\nh"]
)
def test_text_is_made_smaller_until_it_fits(text):
    left, top, right, bottom = written(text=text.strip(), size=1, position="top-left").getbbox()
    margin = 6
    assert left >= margin - 1
    assert top >= margin - 1
    assert right <= 300 - margin + 1
    assert bottom <= 200 - margin + 1


def test_text_that_cannot_be_read_is_refused():
    with pytest.raises(PlanError, match=r"Step 1 \(text\): the text does not fit"):
        written(canvas=(20, 20), text="W" * 200)


def test_an_outline_surrounds_the_letters():
    plain = written(text="O", size=0.8, position="centre")
    outlined = written(text="O", size=0.8, position="centre", outline="#00ff00")
    assert plain.getchannel("R").getextrema() == (0, 255)
    assert (0, 255, 0) in [colour for _, colour in outlined.getcolors(100_000)]


def test_letters_are_drawn_in_the_colour():
    assert written(text="I", size=0.9, color="#102030").getextrema()[2][1] == 48


@pytest.mark.parametrize("text", ["Caf\u00e9", "\u4f60\u597d", "\u0416", "tab\there", "bell\x07"])
def test_what_the_font_cannot_write_is_refused(text):
    with pytest.raises(PlanError, match="the font has no other letters"):
        written(text=text)


@pytest.mark.parametrize("text", ["", "   ", "x" * 201])
def test_empty_and_endless_texts_are_refused(text):
    with pytest.raises(PlanError, match="1 to 200 characters"):
        written(text=text)


def test_the_font_has_every_letter_that_is_let_through():
    from retouch.operations.forms import _GLYPHS

    font = ImageFont.load_default(40)
    unknown = bytes(font.getmask("\uffff"))
    assert [c for c in _GLYPHS - {"\n"} if bytes(font.getmask(c)) == unknown] == []
