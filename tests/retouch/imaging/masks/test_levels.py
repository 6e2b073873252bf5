"""Tests of the levels of a mask: what counts as marked, what is noise, and what is a soft edge."""

import pytest
from PIL import Image, ImageDraw, ImageFilter

from retouch.core.edit_types import Mask
from retouch.imaging.masks.edges import feather
from retouch.imaging.masks.levels import count_marked, harden_mask, settle_levels
from tests.support.tool_masks import (
    draw_smooth_stroke,
    draw_soft_stroke,
    draw_stroke,
    marked_area,
    save_as_jpeg,
)


@pytest.mark.parametrize("noise", [1, 5, 24])
def test_levels_near_0_and_255_become_0_and_255(noise):
    noisy = draw_stroke().point(lambda level: 255 - noise if level else noise)
    settled = settle_levels(noisy)
    assert settled.pixels.tobytes() == draw_stroke().tobytes()
    assert (settled.edge, settled.is_thresholded) == ("hard", False)


@pytest.mark.parametrize(("level", "is_marked"), [(55, False), (127, False), (128, True)])
def test_area_of_one_grey_is_marked_from_half_on(level, is_marked):
    grey = draw_stroke().point(lambda stroke: 255 if stroke else level)
    settled = settle_levels(grey)
    assert settled.pixels.getpixel((0, 0)) == (255 if is_marked else 0)
    assert (settled.edge, settled.is_thresholded) == ("hard", True)


def draw_text():
    image = Image.new("L", (240, 180))
    for line in range(12):
        ImageDraw.Draw(image).text((3, 14 * line), "thin letters and lines", fill=255)
    return image.resize((360, 270), Image.Resampling.LANCZOS)


def draw_trimap():
    image = draw_stroke().filter(ImageFilter.MaxFilter(21)).point(lambda level: level // 2)
    image.paste(255, mask=draw_stroke())
    return image


def draw_index_map():
    image = Image.new("L", (400, 300))
    for number in range(12):
        left, top = 100 * (number % 4), 100 * (number // 4)
        image.paste(20 * number + 10, (left + 10, top + 10, left + 110, top + 80))
    return image


HARD_MASKS = {
    "antialiased": draw_smooth_stroke(),
    "text": draw_text(),
    "scaled up by 2": draw_stroke().resize((480, 360), Image.Resampling.BILINEAR),
    "blurred by 1": draw_stroke().filter(ImageFilter.GaussianBlur(1)),
    "trimap": draw_trimap(),
    "index map": draw_index_map(),
    "grey canvas": Image.new("L", (50, 50), 200),
    **{
        f"JPEG quality {quality} of {name}": save_as_jpeg(image, quality)
        for quality in (5, 20, 50, 80, 95)
        for name, image in (
            ("stroke", draw_stroke()),
            ("smooth stroke", draw_smooth_stroke()),
            ("text", draw_text()),
        )
    },
}


@pytest.mark.parametrize("name", HARD_MASKS)
def test_mask_without_ramps_is_thresholded_at_half(name):
    settled = settle_levels(HARD_MASKS[name])
    assert settled.edge == "hard"
    assert settled.pixels.tobytes() == marked_area(HARD_MASKS[name]).tobytes()


SOFT_MASKS = {
    "soft brush": draw_soft_stroke(),
    "blurred by 2": draw_stroke().filter(ImageFilter.GaussianBlur(2)),
    "ramp of 4 pixels": feather(draw_stroke(), 4),
    "gradient": Image.linear_gradient("L"),
    "gradient of 9 megapixels": Image.linear_gradient("L").resize((3000, 3000)),
    "small gradient": Image.linear_gradient("L").resize((40, 20)),
    "vignette": Image.radial_gradient("L"),
    "JPEG saved as PNG of a soft brush": save_as_jpeg(draw_soft_stroke(), 60),
}


@pytest.mark.parametrize("name", SOFT_MASKS)
def test_mask_with_ramps_keeps_its_greys_without_noise(name):
    settled = settle_levels(SOFT_MASKS[name])
    assert (settled.edge, settled.is_thresholded) == ("soft", False)
    expected = SOFT_MASKS[name].point(lambda v: 0 if v < 25 else 255 if v > 230 else v)
    assert settled.pixels.tobytes() == expected.tobytes()


def test_ramp_of_lossy_file_is_thresholded():
    settled = settle_levels(draw_soft_stroke(), is_lossy=True)
    assert settled.edge == "hard"
    assert settled.pixels.tobytes() == marked_area(draw_soft_stroke()).tobytes()


def test_ramp_without_unmarked_pixels_is_thresholded():
    gradient = Image.linear_gradient("L").point(lambda level: max(level, 60))
    assert settle_levels(gradient).edge == "hard"


def test_hard_mask_is_returned_without_a_copy():
    levels = draw_stroke()
    assert settle_levels(levels).pixels is levels
    mask = Mask(levels, 0.1)
    assert harden_mask(mask) is mask


def test_hardened_soft_mask_marks_pixels_from_half_on_and_blends_hard():
    soft = Mask(draw_soft_stroke(), 0.1, "soft")
    hard = harden_mask(soft)
    assert hard.pixels.tobytes() == marked_area(soft.pixels).tobytes()
    assert (hard.edge, hard.blend_pixels, hard.origin.is_thresholded) == ("hard", None, True)
    assert count_marked(hard.pixels, "hard") == count_marked(soft.pixels, "soft")


def test_hardened_feathered_mask_keeps_its_area_and_blends_by_its_ramp():
    feathered = Mask(feather(draw_stroke(), 8), 0.1, "feathered")
    hard = harden_mask(feathered)
    expected = feathered.pixels.point(lambda level: 255 if level else 0)
    assert hard.pixels.tobytes() == expected.tobytes()
    assert hard.blend_pixels is feathered.pixels
    assert not hard.origin.is_thresholded
    assert count_marked(hard.pixels, "hard") == count_marked(feathered.pixels, "feathered")
