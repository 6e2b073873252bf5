"""Geometry in is geometry out, and what was in the picture comes back where it was."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.framing import Frame
from retouch.pixels.frame import apply, apply_mask, pad_to_ratio, undo
from tests.retouch.pixels.strategies import noise

sides = st.integers(1, 400)
sizes = st.tuples(sides, sides)
ratios = st.sampled_from([(1, 1), (16, 9), (9, 16), (4, 3), (3, 2), (21, 9), (4, 5)])
quick = settings(max_examples=80, deadline=None)


@st.composite
def frames(draw):
    size = draw(sizes)
    if draw(st.booleans()):
        return pad_to_ratio(size, draw(ratios))
    inner, (right, below), (left, above) = draw(sizes), draw(sizes), draw(sizes)
    return placed(size, inner, (inner[0] + left + right, inner[1] + above + below), (left, above))


def placed(size, inner, canvas, at=None):
    """The picture scaled to `inner`, at that corner of the canvas or in its middle."""
    left, top = at or ((canvas[0] - inner[0]) // 2, (canvas[1] - inner[1]) // 2)
    return Frame(canvas, (left, top, left + inner[0], top + inner[1]), size)


def largest(one, other):
    return max(high for _, high in bands(ImageChops.difference(one, other)))


def bands(image):
    return [band.getextrema() for band in image.split()]


@quick
@given(frames(), st.sampled_from(["edge", "transparent", "white"]), st.integers(1, 7))
def test_sizes_come_back_whatever_the_provider_makes_of_them(frame, fill, third):
    sent = apply(frame, Image.new("RGB", frame.original, "red"), fill=fill)
    assert sent.size == frame.canvas
    answer = sent.resize(tuple(max(1, side * third // 3) for side in sent.size))
    assert undo(frame, answer).size == frame.original


@quick
@given(sizes, ratios)
def test_padding_to_a_ratio_is_as_near_as_pixels_get_and_as_small(size, ratio):
    frame = pad_to_ratio(size, ratio)
    assert frame.inner == frame.original == size
    width, height = frame.canvas
    assert (width == size[0]) or (height == size[1])
    assert abs(width * ratio[1] - height * ratio[0]) <= max(ratio) / 2
    left, top, right, bottom = frame.box
    assert 0 <= width - right - left <= 1
    assert 0 <= height - bottom - top <= 1


@quick
@given(sizes, ratios, st.sampled_from(["L", "RGB", "RGBA"]), st.integers(0, 99))
def test_a_padded_picture_comes_back_bit_by_bit(size, ratio, mode, seed):
    image = noise(mode, size, seed)
    frame = pad_to_ratio(size, ratio)
    for fill in ("edge", "transparent", "white"):
        found = undo(frame, apply(frame, image, fill=fill))
        assert found.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()


@quick
@given(sizes, ratios, st.integers(2, 3), st.integers(0, 99))
def test_an_answer_in_whole_multiples_shows_the_same(size, ratio, times, seed):
    """Each pixel became a square: averaged back it is the same, and nothing of the padding is in it."""
    image = noise("RGB", size, seed).resize(size)
    frame = pad_to_ratio(size, ratio)
    sent = apply(frame, image, fill="white")
    blocks = sent.resize(tuple(side * times for side in sent.size), Image.Resampling.NEAREST)
    ours = undo(frame, blocks)
    alone = image.resize(tuple(side * times for side in size), Image.Resampling.NEAREST)
    assert largest(ours, alone.resize(size, Image.Resampling.LANCZOS)) <= 1


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 0.977])
@pytest.mark.parametrize("ratio", [(1, 1), (16, 9), (9, 16)])
def test_a_slope_comes_back_at_the_same_place(scale, ratio):
    size = (317, 211)
    image = slope(size)
    frame = pad_to_ratio(size, ratio)
    sent = apply(frame, image, fill="edge")
    answer = sent.resize(tuple(round(side * scale) for side in sent.size), Image.Resampling.BICUBIC)
    inner = (4, 4, size[0] - 4, size[1] - 4)
    assert largest(undo(frame, answer).crop(inner), image.crop(inner)) <= 1


@pytest.mark.parametrize("scale", [0.5, 2 / 3, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_marker_comes_back_within_a_pixel(scale, seed):
    source = random.Random(seed)
    size = (source.randint(150, 260), source.randint(150, 260))
    x, y = source.randint(20, size[0] - 40), source.randint(20, size[1] - 40)
    image = Image.new("L", size)
    image.paste(255, (x, y, x + 12, y + 12))
    frame = pad_to_ratio(size, (3, 2))
    sent = apply(frame, image, fill="edge")
    answer = sent.resize(tuple(round(side * scale) for side in sent.size))
    box = undo(frame, answer).point(lambda v: 255 if v > 127 else 0).getbbox()
    assert all(abs(a - b) <= 1 for a, b in zip(box, (x, y, x + 12, y + 12), strict=True))


def test_a_shrunken_picture_comes_back_in_place():
    size = (1001, 777)
    image = slope(size)
    for frame in (placed(size, (496, 384), (496, 384)), placed(size, (512, 397), (512, 512))):
        found = undo(frame, apply(frame, image, fill="edge"))
        inner = (8, 8, size[0] - 8, size[1] - 8)
        assert largest(found.crop(inner), image.crop(inner)) <= 2


def test_the_edge_is_drawn_out_on_all_sides():
    image = noise("RGB", (4, 4), 1)
    frame = placed((4, 4), (4, 4), (10, 8))
    assert frame.box == (3, 2, 7, 6)
    sent = apply(frame, image, fill="edge")
    for x in range(10):
        for y in range(8):
            near = (min(max(x - 3, 0), 3), min(max(y - 2, 0), 3))
            assert sent.getpixel((x, y)) == image.getpixel(near)


def test_other_fills_are_what_they_say():
    frame = placed((4, 4), (4, 4), (8, 8))
    image = Image.new("RGB", (4, 4), (1, 2, 3))
    clear = apply(frame, image, fill="transparent")
    assert (clear.getpixel((0, 0)), clear.getpixel((4, 4))) == ((0, 0, 0, 0), (1, 2, 3, 255))
    assert apply(frame, image, fill="white").getpixel((0, 0)) == (255, 255, 255)
    assert apply(frame, Image.new("L", (4, 4)), fill="white").getpixel((0, 0)) == 255
    assert apply(frame, Image.new("RGBA", (4, 4)), fill="white").getpixel((0, 0)) == (255,) * 4


@quick
@given(sizes, ratios, st.integers(0, 99))
def test_padding_is_kept_and_the_mask_is_where_the_picture_is(size, ratio, seed):
    edit = noise("L", size, seed).point(lambda v: 255 * (v > 128))
    frame = pad_to_ratio(size, ratio)
    found = apply_mask(frame, edit)
    assert found.size == frame.canvas
    assert found.crop(frame.box).tobytes() == edit.tobytes()
    found.paste(0, frame.box)
    assert found.getbbox() is None


def test_a_scaled_mask_stays_hard_and_loses_no_hair():
    edit = Image.new("L", (1000, 1000))
    ImageDraw.Draw(edit).line((100, 50, 900, 950), fill=255)
    frame = placed((1000, 1000), (240, 240), (300, 240))
    found = apply_mask(frame, edit)
    assert {v for _, v in found.getcolors()} == {0, 255}
    back = undo(frame, found).point(lambda v: 255 if v else 0)
    assert ImageChops.subtract(edit, back).getbbox() is None
    soft = apply_mask(frame, Image.linear_gradient("L").resize((1000, 1000)))
    assert len(soft.getcolors(256)) > 100


def test_pictures_of_another_size_are_a_mistake():
    frame = placed((4, 4), (4, 4), (8, 8))
    with pytest.raises(ValueError, match="picture of"):
        apply(frame, Image.new("RGB", (4, 5)), fill="edge")
    with pytest.raises(ValueError, match="mask of"):
        apply_mask(frame, Image.new("L", (5, 4)))


def slope(size):
    across = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BICUBIC)
    down = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))
