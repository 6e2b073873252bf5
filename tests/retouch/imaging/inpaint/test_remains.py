"""Tests of the width of what stays of an object around its mask."""

import random

import pytest
from PIL import Image, ImageDraw, ImageFilter

from bench.inpaint_pictures import PICTURES, draw_picture
from retouch.imaging.inpaint import remains
from retouch.imaging.inpaint.remains import measure_remains

SIZE = (480, 360)
OBJECT = (150, 100, 290, 220)


def width_of_rim(image, mask):
    return measure_remains(image, mask, mask.getbbox())


def mask_of(box, size=SIZE):
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def inset(box, pixels):
    return box[0] + pixels, box[1] + pixels, box[2] - pixels, box[3] - pixels


def with_object(picture, box=OBJECT):
    picture = picture.copy()
    ImageDraw.Draw(picture).ellipse(box, fill=(180, 90, 60))
    return picture.filter(ImageFilter.GaussianBlur(0.7))


@pytest.mark.parametrize("name", PICTURES)
def test_width_of_the_rim_of_an_object_is_measured(name):
    photo = with_object(draw_picture(name, SIZE))
    widths = {pixels: width_of_rim(photo, mask_of(inset(OBJECT, pixels))) for pixels in (0, 3, 5)}
    assert widths[0] == 0
    assert 1 <= widths[3] <= 3
    assert 3 <= widths[5] <= 5


def test_large_area_is_measured_at_a_smaller_scale(monkeypatch):
    monkeypatch.setattr(remains, "_MAX_MEASURED_PIXELS", 1600)
    photo, mask = with_object(Image.new("RGB", SIZE, (200, 210, 220))), mask_of(inset(OBJECT, 24))
    assert 18 <= width_of_rim(photo, mask) <= 24


@pytest.mark.parametrize("name", PICTURES)
def test_masks_anywhere_on_a_picture_seldom_have_a_rim(name):
    picture, source = draw_picture(name, SIZE), random.Random(name)
    boxes = [(source.randrange(20, 300), source.randrange(20, 220)) for _ in range(20)]
    masks = [mask_of((x, y, x + source.randrange(20, 140), y + 60)) for x, y in boxes]
    widths = [width_of_rim(picture, mask) for mask in masks]
    assert sum(map(bool, widths)) <= 4, widths


def test_surface_that_goes_on_beyond_the_mask_is_no_rim():
    shirt = Image.new("RGB", SIZE, (30, 60, 120))
    ImageDraw.Draw(shirt).text((200, 150), "logo", (250, 250, 250), font_size=30)
    assert width_of_rim(shirt, mask_of((190, 140, 290, 200))) == 0


def test_mask_without_unmarked_surroundings_has_no_rim():
    photo = draw_picture("skin", (64, 48))
    assert width_of_rim(photo, mask_of((2, 2, 61, 45), (64, 48))) == 0
