"""Tests of erasing: nothing outside the mask changes, and the filled area matches its surroundings."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from retouch.core.errors import InvalidRequest
from retouch.imaging.inpaint.erase import erase_area
from retouch.imaging.inpaint.smooth_fill import smooth_fill
from tests.retouch.imaging.samples import sample_image, sample_in_mode
from tests.support.cpu_time import cpu_seconds

SIZE = (160, 120)
HOLE = (60, 40, 100, 80)


def build_mask_area(box=HOLE, size=SIZE, blur=0):
    area = Image.new("L", size)
    ImageDraw.Draw(area).ellipse(box, fill=255)
    return area.filter(ImageFilter.GaussianBlur(blur)) if blur else area


def gradient_image(size=SIZE):
    """Return an image with a smooth gradient in every channel."""
    across = Image.linear_gradient("L").rotate(90).resize(size, Image.Resampling.BILINEAR)
    down = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def grain_image(size=SIZE, seed=1):
    noise = Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1]))
    return noise.point(lambda v: 90 + v // 4)


def striped_image(size=SIZE):
    image = Image.new("RGB", size, "white")
    for x in range(0, size[0], 8):
        image.paste((20, 60, 160), (x, 0, x + 4, size[1]))
    return image


def with_marked_area_painted(image, edit, colour=(255, 0, 255)):
    """Return the image with a conspicuous colour in the marked area."""
    painted = image.copy()
    painted.paste(
        colour if image.mode == "RGB" else 255, mask=edit.point(lambda v: 255 if v else 0)
    )
    return painted


def mean_difference(first, second, area):
    stat = ImageStat.Stat(ImageChops.difference(first.convert("RGB"), second.convert("RGB")), area)
    return sum(stat.mean) / 3


def changed_pixels(first, second):
    """Return for each band a mask of the pixels that differ."""
    bands = ImageChops.difference(first, second).split()
    return [band.point(lambda v: 255 if v else 0) for band in bands]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["L", "RGB", "RGBA"]),
    st.lists(st.tuples(*[st.integers(-10, 80)] * 4, st.integers(1, 255)), min_size=1, max_size=5),
)
def test_erase_changes_no_unmarked_pixel(mode, marks):
    image = sample_in_mode(mode, (70, 50))
    edit = Image.new("L", image.size)
    for x, y, width, height, value in marks:
        edit.paste(value, (x, y, x + abs(width) + 1, y + abs(height) + 1))
    if edit.getextrema()[0]:
        return
    result = erase_area(image, edit)
    assert (result.mode, result.size) == (mode, image.size)
    for band in changed_pixels(image, result):
        assert not ImageChops.darker(band, edit.point(lambda v: 0 if v else 255)).getbbox()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["L", "RGB", "RGBA"]),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.lists(st.tuples(*[st.integers(0, 150)] * 4, st.integers(1, 60)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_area_in_one_colour_is_filled_with_exactly_this_colour(mode, colour, lines, passes):
    image, edit = Image.new("RGB", SIZE, colour).convert(mode), Image.new("L", SIZE)
    for *points, width in lines:
        ImageDraw.Draw(edit).line(points, 255, width)
    if edit.getextrema()[0]:
        return
    painted = with_marked_area_painted(image.convert("RGB"), edit).convert(mode)
    assert erase_area(painted, edit, passes=passes).tobytes() == image.tobytes()


def test_box_on_a_flat_screenshot_is_filled_with_exactly_its_background():
    page = Image.new("RGB", (800, 600), (245, 245, 245))
    for y in range(10, 600, 40):
        ImageDraw.Draw(page).text((10, y), "Some words of a page", "black", font_size=20)
    edit = Image.new("L", page.size)
    edit.paste(255, (340, 240, 577, 477))
    screenshot = page.copy()
    screenshot.paste("red", (350, 250, 567, 467))
    assert erase_area(screenshot, edit).tobytes() == page.tobytes()


@pytest.mark.parametrize("rest", [2, 3, 5, 8, 12])
def test_rest_of_the_object_brings_neither_words_nor_its_colour_into_the_fill(rest):
    page, box = Image.new("RGB", (800, 600), (245, 245, 245)), (300, 240, 520, 420)
    draw = ImageDraw.Draw(page)
    for y in range(10, 600, 36):
        if not 200 < y < 440:
            draw.text((30, y), "Some words of a page that goes on across it", "black", font_size=22)
    draw.rectangle(box, fill="red")
    inner = (box[0] + rest, box[1] + rest, box[2] + 1 - rest, box[3] + 1 - rest)
    edit = Image.new("L", page.size)
    edit.paste(255, inner)
    filled = erase_area(page, edit).crop(inner)
    assert filled.getextrema() == ((245, 245),) * 3


def test_fill_at_reduced_scale_stays_in_the_range_of_its_surroundings(monkeypatch):
    size = (320, 240)
    monkeypatch.setattr("retouch.imaging.inpaint.erase._MAX_WORKING_PIXELS", size[0] * size[1] // 4)
    image, edit = Image.new("RGB", size, (90, 100, 110)), build_mask_area((120, 80, 200, 160), size)
    for x in range(0, size[0], 24):
        image.paste((160, 150, 140), (x, 0, x + 12, size[1]))
    result = erase_area(with_marked_area_painted(image, edit), edit)
    assert result.getextrema() == image.getextrema()


def test_erase_with_empty_mask_changes_nothing():
    image = sample_image()
    assert erase_area(image, Image.new("L", image.size)).tobytes() == image.tobytes()


def test_erase_does_not_modify_its_input():
    image = with_marked_area_painted(gradient_image(), build_mask_area())
    before = image.tobytes()
    erase_area(image, build_mask_area())
    assert image.tobytes() == before


def test_erase_continues_a_gradient():
    result = erase_area(
        with_marked_area_painted(gradient_image(), build_mask_area()), build_mask_area()
    )
    assert mean_difference(result, gradient_image(), build_mask_area()) < 4


def test_erase_continues_a_pattern_in_phase():
    image, edit = striped_image((320, 240)), build_mask_area((130, 90, 170, 130), (320, 240))
    result = erase_area(with_marked_area_painted(image, edit), edit)
    assert mean_difference(result, image, edit) < 1


def test_erased_area_has_grain_as_strong_as_surroundings():
    image = grain_image().convert("RGB")
    result = erase_area(with_marked_area_painted(image, build_mask_area()), build_mask_area())
    inside, around = (
        ImageStat.Stat(candidate.convert("L"), build_mask_area()).stddev[0]
        for candidate in (result, image)
    )
    assert 0.7 < inside / around < 1.3
    assert mean_difference(result, image, build_mask_area()) > 5, "the grain must not be identical"


def test_erase_continues_a_horizon_straight():
    image = Image.new("RGB", SIZE, (120, 180, 230))
    image.paste((30, 80, 40), (0, 61, 160, 120))
    result = erase_area(with_marked_area_painted(image, build_mask_area()), build_mask_area())
    assert mean_difference(result, image, build_mask_area()) < 2


def test_blurred_edge_of_object_does_not_leak_into_filled_area():
    edit = build_mask_area()
    image = gradient_image()
    glow = build_mask_area((59, 39, 101, 81)).filter(ImageFilter.GaussianBlur(0.7))
    image.paste((255, 0, 255), mask=glow)
    result = erase_area(image, edit)
    core = build_mask_area((66, 46, 94, 74))
    assert mean_difference(result, gradient_image(), core) < 8


def test_erase_does_not_copy_another_object():
    image = Image.new("RGB", (300, 200))
    for x in (0, 150):
        image.paste(grain_image((150, 200)).convert("RGB"), (x, 0))
        ImageDraw.Draw(image).ellipse((x + 60, 80, x + 90, 110), fill=(220, 20, 20))
    edit = build_mask_area((55, 75, 95, 115), (300, 200))
    result = erase_area(image, edit)
    max_red = ImageStat.Stat(result.getchannel("R"), edit).extrema[0][1]
    assert max_red < 200


def test_soft_mask_edges_are_blended():
    edit = build_mask_area(blur=4)
    image = with_marked_area_painted(gradient_image(), build_mask_area())
    hard = erase_area(image, edit.point(lambda v: 255 if v else 0))
    soft = erase_area(image, edit)
    assert soft.tobytes() == Image.composite(hard, image, edit).tobytes()


def test_transparent_pixels_become_opaque_where_marked():
    image = gradient_image().convert("RGBA")
    image.paste((9, 9, 9, 0), (70, 50, 90, 70))
    image.paste((9, 9, 9, 77), (0, 0, 10, 10))
    result = erase_area(image, build_mask_area())
    assert result.mode == "RGBA"
    assert ImageStat.Stat(result.getchannel("A"), build_mask_area()).extrema == [(255, 255)]
    assert result.getpixel((5, 5)) == image.getpixel((5, 5))
    assert mean_difference(result, gradient_image(), build_mask_area()) < 6


def test_transparent_pixels_are_not_used_as_colour_source():
    flat = Image.new("RGB", SIZE, (10, 200, 30))
    image = flat.convert("RGBA")
    image.paste((255, 0, 255, 0), (95, 0, 160, 120))
    assert mean_difference(erase_area(image, build_mask_area()), flat, build_mask_area()) < 2


@pytest.mark.parametrize(
    ("mode", "result_mode"), [("P", "RGB"), ("CMYK", "RGB"), ("1", "L"), ("L", "L")]
)
def test_other_image_modes_are_converted(mode, result_mode):
    image = gradient_image().convert(mode)
    result = erase_area(image, build_mask_area())
    assert result.mode == result_mode
    outside = build_mask_area().point(lambda v: 0 if v else 255)
    assert mean_difference(result, image.convert(result_mode), outside) == 0


@pytest.mark.parametrize("level", [1, 128, 255])
def test_full_mask_raises_mask_full(level):
    with pytest.raises(InvalidRequest) as exc_info:
        erase_area(gradient_image(), Image.new("L", SIZE, level))
    assert (exc_info.value.code, exc_info.value.param, exc_info.value.status) == (
        "mask_full",
        "mask",
        400,
    )


@pytest.mark.parametrize("free", [(0, 0, 1, 1), (0, 0, 160, 1), (159, 0, 160, 120)])
def test_few_unmarked_pixels_are_enough_to_fill(free):
    edit = Image.new("L", SIZE, 255)
    edit.paste(0, free)
    image = Image.new("RGB", SIZE, (10, 200, 30))
    assert mean_difference(erase_area(with_marked_area_painted(image, edit), edit), image, edit) < 3


def test_mask_of_other_size_raises_value_error():
    with pytest.raises(ValueError, match="160"):
        erase_area(gradient_image(), Image.new("L", (160, 121)))


@pytest.mark.parametrize("passes", [0, 1, 3])
def test_erase_gives_the_same_result_each_time(passes):
    image = grain_image().convert("RGB")
    first, second = (erase_area(image, build_mask_area(), passes=passes) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_many_marked_spots_are_all_erased():
    image = gradient_image((300, 300))
    edit = Image.new("L", image.size)
    for x in range(20, 280, 60):
        for y in range(20, 280, 60):
            edit.paste(255, (x, y, x + 9, y + 9))
    result = erase_area(with_marked_area_painted(image, edit), edit)
    assert mean_difference(result, image, edit) < 4


def test_erase_of_large_image_takes_less_than_three_seconds():
    image = grain_image((1024, 1024)).convert("RGB")
    edit = build_mask_area((400, 400, 600, 600), image.size)
    assert cpu_seconds(lambda: erase_area(image, edit), 3) < 3


def test_smooth_fill_matches_known_pixels_and_is_smooth():
    known = ImageChops.invert(build_mask_area())
    result = smooth_fill(with_marked_area_painted(gradient_image(), build_mask_area()), known)
    assert mean_difference(result, gradient_image(), known) == 0
    assert mean_difference(result, gradient_image(), build_mask_area()) < 4
    roughness = mean_difference(result, result.filter(ImageFilter.BoxBlur(1)), build_mask_area())
    assert roughness < 1.5


@pytest.mark.parametrize("size", [(160, 120), (117, 93), (31, 200)])
def test_smooth_fill_of_a_gradient_is_not_shifted(size):
    image, known = gradient_image(size), Image.new("L", size, 255)
    known.paste(0, (10, 40, 21, 51))
    result = smooth_fill(image, known)
    shift = ImageStat.Stat(ImageChops.subtract(result, image, 1, 128), ImageChops.invert(known))
    assert all(abs(level - 128) < 1.5 for level in shift.mean)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_very_large_area_is_filled_at_reduced_scale(mode, monkeypatch):
    """The surroundings stay unchanged, and the filled area matches them."""
    monkeypatch.setattr("retouch.imaging.inpaint.erase._MAX_WORKING_PIXELS", 2000)
    monkeypatch.setattr("retouch.imaging.masks.regions._MAX_BAND_PIXELS", 700)
    image, edit = gradient_image().convert(mode), build_mask_area((31, 21, 120, 95))
    result = erase_area(with_marked_area_painted(image.convert("RGB"), edit).convert(mode), edit)
    outside = edit.point(lambda v: 0 if v else 255)
    assert result.mode == mode
    assert mean_difference(result, image, outside) == 0
    assert mean_difference(result, image, edit) < 8
