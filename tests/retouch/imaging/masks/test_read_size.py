"""Tests of the size of a mask file: it must be that of the image as displayed."""

import pytest
from PIL import Image

from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.retouch.imaging.masks.test_read import (
    mask_image_with_hole,
    rejection_of,
)
from tests.retouch.imaging.samples import exif_with_orientation
from tests.support.images import encode_image


def turned_photo(size=(40, 20), orientation=6):
    """Return an image whose stored pixels have that size and are turned by EXIF."""
    exif = exif_with_orientation(orientation)
    return inspect_image(encode_image(Image.new("RGB", size), "JPEG", exif=exif))


@pytest.mark.parametrize(
    ("mask_size", "remedy"),
    [
        ((20, 10), "Scale the mask to 40x20"),
        ((80, 40), "Scale the mask to 40x20"),
        ((39, 20), "Scale the mask to 40x20"),
        ((20, 20), "shapes differ"),
        ((20, 40), "shapes differ"),
    ],
)
def test_mask_of_other_size_is_rejected_with_remedy_for_its_shape(mask_size, remedy):
    for mode in ("alpha", "auto"):
        code, message = rejection_of(encode_image(mask_image_with_hole(size=mask_size)), mode=mode)
        assert code == "mask_size_mismatch"
        assert remedy in message
        assert f"{mask_size[0]}x{mask_size[1]}" in message
        assert "40x20" in message


@pytest.mark.parametrize(
    ("orientation", "remedy"),
    [(5, "Mirror"), (6, "90 degrees clockwise"), (7, "Mirror"), (8, "90 degrees counterclockwise")],
)
def test_mask_of_stored_pixels_is_rejected_with_the_turn_it_needs(orientation, remedy):
    code, message = rejection_of(
        encode_image(mask_image_with_hole()), turned_photo(orientation=orientation)
    )
    assert code == "mask_size_mismatch"
    assert all(text in message for text in ("40x20", "20x40", "EXIF", remedy, "mask_mode=auto"))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_auto_turns_mask_of_stored_pixels_like_the_image(orientation):
    data = encode_image(mask_image_with_hole())
    photo = turned_photo(orientation=orientation)
    mask = read_mask(data, photo, mode="auto")
    displayed = encode_image(mask_image_with_hole(), exif=exif_with_orientation(orientation))
    assert mask.pixels.tobytes() == read_mask(displayed, photo).pixels.tobytes()
    assert mask.origin.is_turned
    assert mask.source_file is None


@pytest.mark.parametrize("mode", ["alpha", "auto"])
@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_square_mask_of_turned_image_is_applied_as_displayed(mode, orientation):
    data = encode_image(mask_image_with_hole(size=(20, 20)))
    mask = read_mask(data, turned_photo((20, 20), orientation), mode=mode)
    assert mask.pixels.getbbox() == (0, 0, 10, 10)
    assert not mask.origin.is_turned
