"""What erasing promises: nothing outside the mask changes, and what is inside fits in."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from retouch.errors import InvalidRequest
from retouch.pixels.erase import erase
from retouch.pixels.membrane import membrane
from tests.retouch.pixels.samples import content, in_mode
from tests.support.effort import effort

SIZE = (160, 120)
HOLE = (60, 40, 100, 80)


def mask(box=HOLE, size=SIZE, blur=0):
    edit = Image.new("L", size)
    ImageDraw.Draw(edit).ellipse(box, fill=255)
    return edit.filter(ImageFilter.GaussianBlur(blur)) if blur else edit


def ramp(size=SIZE):
    """A smooth slope in every channel."""
    across = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BILINEAR)
    down = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def grain(size=SIZE, seed=1):
    noise = Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1]))
    return noise.point(lambda v: 90 + v // 4)


def stripes(size=SIZE):
    image = Image.new("RGB", size, "white")
    for x in range(0, size[0], 8):
        image.paste((20, 60, 160), (x, 0, x + 4, size[1]))
    return image


def spoiled(image, edit, colour=(255, 0, 255)):
    """The image with something ugly where it is marked."""
    ugly = image.copy()
    ugly.paste(colour if image.mode == "RGB" else 255, mask=edit.point(lambda v: 255 if v else 0))
    return ugly


def difference(one, other, where):
    stat = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")), where)
    return sum(stat.mean) / 3


def changed(one, other):
    """A mask of the pixels that differ in any band."""
    bands = ImageChops.difference(one, other).split()
    return [band.point(lambda v: 255 if v else 0) for band in bands]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["L", "RGB", "RGBA"]),
    st.lists(st.tuples(*[st.integers(-10, 80)] * 4, st.integers(1, 255)), min_size=1, max_size=5),
)
def test_what_is_not_marked_stays_bit_by_bit(mode, marks):
    image = in_mode(mode, (70, 50))
    edit = Image.new("L", image.size)
    for x, y, width, height, value in marks:
        edit.paste(value, (x, y, x + abs(width) + 1, y + abs(height) + 1))
    if edit.getextrema()[0]:
        return
    result = erase(image, edit)
    assert (result.mode, result.size) == (mode, image.size)
    for band in changed(image, result):
        assert not ImageChops.darker(band, edit.point(lambda v: 0 if v else 255)).getbbox()


def test_nothing_marked_changes_nothing():
    image = content()
    assert erase(image, Image.new("L", image.size)).tobytes() == image.tobytes()


def test_the_input_is_not_touched():
    image = spoiled(ramp(), mask())
    before = image.tobytes()
    erase(image, mask())
    assert image.tobytes() == before


def test_a_slope_is_continued():
    result = erase(spoiled(ramp(), mask()), mask())
    assert difference(result, ramp(), mask()) < 4


def test_a_pattern_is_continued_in_step():
    image, edit = stripes((320, 240)), mask((130, 90, 170, 130), (320, 240))
    result = erase(spoiled(image, edit), edit)
    assert difference(result, image, edit) < 1


def test_grain_is_as_strong_as_around():
    image = grain().convert("RGB")
    result = erase(spoiled(image, mask()), mask())
    inside, around = (
        ImageStat.Stat(picture.convert("L"), mask()).stddev[0] for picture in (result, image)
    )
    assert 0.7 < inside / around < 1.3
    assert difference(result, image, mask()) > 5, "it cannot be the very same grain"


def test_a_horizon_stays_straight():
    image = Image.new("RGB", SIZE, (120, 180, 230))
    image.paste((30, 80, 40), (0, 61, 160, 120))
    result = erase(spoiled(image, mask()), mask())
    assert difference(result, image, mask()) < 2


def test_the_blurred_edge_of_the_object_does_not_leak_in():
    edit = mask()
    image = ramp()
    glow = mask((59, 39, 101, 81)).filter(ImageFilter.GaussianBlur(0.7))
    image.paste((255, 0, 255), mask=glow)
    result = erase(image, edit)
    core = mask((66, 46, 94, 74))
    assert difference(result, ramp(), core) < 8


def test_another_object_is_not_copied_in():
    image = Image.new("RGB", (300, 200))
    for x in (0, 150):
        image.paste(grain((150, 200)).convert("RGB"), (x, 0))
        ImageDraw.Draw(image).ellipse((x + 60, 80, x + 90, 110), fill=(220, 20, 20))
    edit = mask((55, 75, 95, 115), (300, 200))
    result = erase(image, edit)
    red = ImageStat.Stat(result.getchannel("R"), edit).extrema[0][1]
    assert red < 200


def test_soft_edges_blend():
    edit = mask(blur=4)
    image = spoiled(ramp(), mask())
    hard = erase(image, edit.point(lambda v: 255 if v else 0))
    soft = erase(image, edit)
    assert soft.tobytes() == Image.composite(hard, image, edit).tobytes()


def test_what_was_clear_becomes_opaque_where_marked():
    image = ramp().convert("RGBA")
    image.paste((9, 9, 9, 0), (70, 50, 90, 70))
    image.paste((9, 9, 9, 77), (0, 0, 10, 10))
    result = erase(image, mask())
    assert result.mode == "RGBA"
    assert ImageStat.Stat(result.getchannel("A"), mask()).extrema == [(255, 255)]
    assert result.getpixel((5, 5)) == image.getpixel((5, 5))
    assert difference(result, ramp(), mask()) < 6


def test_clear_pixels_lend_no_colour():
    flat = Image.new("RGB", SIZE, (10, 200, 30))
    image = flat.convert("RGBA")
    image.paste((255, 0, 255, 0), (95, 0, 160, 120))
    assert difference(erase(image, mask()), flat, mask()) < 2


@pytest.mark.parametrize(("mode", "found"), [("P", "RGB"), ("CMYK", "RGB"), ("1", "L"), ("L", "L")])
def test_other_modes_are_converted(mode, found):
    image = ramp().convert(mode)
    result = erase(image, mask())
    assert result.mode == found
    keep = mask().point(lambda v: 0 if v else 255)
    assert difference(result, image.convert(found), keep) == 0


@pytest.mark.parametrize("level", [1, 128, 255])
def test_a_mask_without_a_single_free_pixel_is_refused(level):
    with pytest.raises(InvalidRequest) as caught:
        erase(ramp(), Image.new("L", SIZE, level))
    assert (caught.value.code, caught.value.param, caught.value.status) == (
        "mask_full",
        "mask",
        400,
    )


@pytest.mark.parametrize("free", [(0, 0, 1, 1), (0, 0, 160, 1), (159, 0, 160, 120)])
def test_a_few_free_pixels_are_enough(free):
    edit = Image.new("L", SIZE, 255)
    edit.paste(0, free)
    image = Image.new("RGB", SIZE, (10, 200, 30))
    assert difference(erase(spoiled(image, edit), edit), image, edit) < 3


def test_sizes_must_be_equal():
    with pytest.raises(ValueError, match="160"):
        erase(ramp(), Image.new("L", (160, 121)))


@pytest.mark.parametrize("passes", [0, 1, 3])
def test_it_is_repeatable(passes):
    image = grain().convert("RGB")
    one, two = (erase(image, mask(), passes=passes) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_many_spots_are_all_erased():
    image = ramp((300, 300))
    edit = Image.new("L", image.size)
    for x in range(20, 280, 60):
        for y in range(20, 280, 60):
            edit.paste(255, (x, y, x + 9, y + 9))
    result = erase(spoiled(image, edit), edit)
    assert difference(result, image, edit) < 4


def test_a_large_picture_takes_a_moment_only():
    image = grain((1024, 1024)).convert("RGB")
    edit = mask((400, 400, 600, 600), image.size)
    assert effort(lambda: erase(image, edit), 3) < 3


def test_a_membrane_meets_its_rim_and_is_smooth():
    known = ImageChops.invert(mask())
    result = membrane(spoiled(ramp(), mask()), known)
    assert difference(result, ramp(), known) == 0
    assert difference(result, ramp(), mask()) < 4
    roughness = difference(result, result.filter(ImageFilter.BoxBlur(1)), mask())
    assert roughness < 1.5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_very_large_area_is_filled_at_a_smaller_scale(mode, monkeypatch):
    """What surrounds it stays as it is, and what is inside still fits in."""
    monkeypatch.setattr("retouch.pixels.erase._LARGEST", 2000)
    monkeypatch.setattr("retouch.pixels.regions._BAND", 700)
    image, edit = ramp().convert(mode), mask((31, 21, 120, 95))
    found = erase(spoiled(image.convert("RGB"), edit).convert(mode), edit)
    outside = edit.point(lambda v: 0 if v else 255)
    assert found.mode == mode
    assert difference(found, image, outside) == 0
    assert difference(found, image, edit) < 8
