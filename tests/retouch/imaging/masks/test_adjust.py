"""Tests of `mask_grow` and `mask_feather`: they change a mask file as `grow` and `feather` change shapes."""

import pytest
from PIL import Image

from retouch.imaging.masks.adjust import MaskAdjustments
from retouch.imaging.masks.read import read_mask
from retouch.imaging.masks.shapes import draw_mask
from tests.retouch.imaging.masks.mask_files import (
    REFERENCE_IMAGE,
    grey_mask_image,
    mask_image_with_hole,
    rejection_of,
)
from tests.support.images import encode_image


@pytest.mark.parametrize(
    ("mode", "picture"), [("white", grey_mask_image(0, 255)), ("alpha", mask_image_with_hole())]
)
def test_grow_and_feather_change_mask_file_like_shapes(mode, picture):
    box = {"type": "box", "x": 0, "y": 0, "width": 20, "height": 10}
    for grow, feather in ((0, 0), (3, 0), (-3, 0), (0, 4), (3, 4), (-2, 2)):
        mask = read_mask(
            encode_image(picture),
            REFERENCE_IMAGE,
            mode=mode,
            adjustments=MaskAdjustments(grow=grow, feather=feather),
        )
        drawn = draw_mask({"shapes": [box], "grow": grow, "feather": feather}, REFERENCE_IMAGE)
        assert mask.pixels.tobytes() == drawn.pixels.tobytes()
        assert (mask.coverage, mask.edge) == (drawn.coverage, drawn.edge)
        assert mask.origin.grow == grow


def test_grow_starts_from_pixels_that_are_at_least_half_marked():
    soft = Image.linear_gradient("L").resize((40, 20))
    hard = soft.point(lambda v: 255 if v >= 128 else 0)
    grown, expected = (
        read_mask(
            encode_image(image), REFERENCE_IMAGE, mode="white", adjustments=MaskAdjustments(grow=2)
        )
        for image in (soft, hard)
    )
    assert grown.pixels.tobytes() == expected.pixels.tobytes()
    assert grown.origin.is_thresholded


def test_negative_grow_that_removes_everything_is_rejected_by_name():
    code, message = rejection_of(
        encode_image(mask_image_with_hole()), adjustments=MaskAdjustments(grow=-30)
    )
    assert code == "mask_empty"
    assert "mask_grow=-30" in message
