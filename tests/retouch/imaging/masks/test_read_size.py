"""Tests of the size of a mask file: it must be that of the image as displayed."""

import pytest
from PIL import Image

from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.retouch.imaging.masks.mask_files import mask_image_with_hole, rejection_of
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
    is_scaled = "Scale" in remedy
    for mode in ("alpha",) if is_scaled else ("alpha", "auto"):
        code, message = rejection_of(encode_image(mask_image_with_hole(size=mask_size)), mode=mode)
        assert ("mask_mode=auto" in message) is is_scaled
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


def segmentation_mask(size):
    """Return a white box on black in the left upper quarter of the middle, as a segmentation model writes it."""
    image = Image.new("L", size)
    image.paste(255, (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    return encode_image(image)


@pytest.mark.parametrize("mask_size", [(8, 4), (80, 40), (256, 128), (1024, 512)])
def test_auto_scales_mask_of_the_same_shape_without_new_levels(mask_size):
    photo = inspect_image(encode_image(Image.new("RGB", (40, 20))))
    mask = read_mask(segmentation_mask(mask_size), photo, mode="auto")
    assert mask.pixels.size == (40, 20)
    assert set(mask.pixels.tobytes()) == {0, 255}
    assert mask.pixels.getbbox() == (10, 5, 20, 10)
    assert mask.origin.scaled_from == mask_size
    assert mask.source_file is None
    assert mask.coverage == 50 / 800


def test_auto_scales_a_file_with_alpha_and_never_sends_the_file_itself():
    photo = inspect_image(encode_image(Image.new("RGB", (40, 20))))
    mask = read_mask(encode_image(mask_image_with_hole(size=(80, 40))), photo, mode="auto")
    assert (mask.pixels.size, mask.source_file) == ((40, 20), None)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_auto_turns_and_scales_a_small_mask_of_the_stored_pixels(orientation):
    photo = turned_photo((400, 200), orientation)
    small = read_mask(segmentation_mask((200, 100)), photo, mode="auto")
    full = read_mask(segmentation_mask((400, 200)), photo, mode="auto")
    assert small.pixels.tobytes() == full.pixels.tobytes()
    assert small.origin.is_turned
    assert small.origin.scaled_from == (200, 100)


@pytest.mark.parametrize("mask_size", [(256, 256), (1024, 1024), (20, 40), (40, 18)])
def test_auto_refuses_a_mask_of_another_shape(mask_size):
    photo = inspect_image(encode_image(Image.new("RGB", (400, 200))))
    code, message = rejection_of(segmentation_mask(mask_size), photo, mode="auto")
    assert code == "mask_size_mismatch"
    assert "shapes differ" in message
