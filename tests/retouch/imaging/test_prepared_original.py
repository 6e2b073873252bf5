"""Tests that a PNG of prepared lines has the pixels of the image that is composited as a whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from retouch.imaging.codec import normalize_mode
from retouch.imaging.compose import composite_original
from retouch.imaging.prepared_original import prepare_original, write_restored_png
from tests.retouch.imaging.samples import sample_image
from tests.retouch.imaging.strategies import images, mask_areas
from tests.support.images import decode_image, scene

quick_settings = settings(max_examples=80, deadline=None)
SIZE = (90, 120)
BOXES = [(10, 20, 60, 70), (0, 0, 90, 30), (30, 100, 40, 120), (0, 0, 90, 120), (5, 7, 6, 8)]


def mask_of(box):
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    return mask


def composite(original, result, mask, feather, source_box):
    return composite_original(original.copy(), result, mask, feather=feather, source_box=source_box)


def restore(prepared, result, source_box):
    data = write_restored_png(prepared, result, source_box)
    assert data is not None
    return decode_image(data)


@pytest.mark.parametrize("scale", [1, 2, 0.7])
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_png_of_prepared_lines_has_the_composited_pixels(mode, box, scale):
    original, mask = sample_image(SIZE).convert(mode), mask_of(box)
    before = original.tobytes()
    size = tuple(round(edge * scale) for edge in SIZE)
    source_box = (0, 0, *size)
    prepared = prepare_original(original, mask, feather=4)
    for turn in (90, 270):  # one preparation serves several results
        result = scene(*size[::-1]).rotate(turn, expand=True).convert(mode)
        expected, preserved_pixels = composite(original, result, mask, 4, source_box)
        written = restore(prepared, result, source_box)
        assert (written.mode, written.tobytes()) == (mode, expected.tobytes())
        assert prepared.preserved_pixels == preserved_pixels
    assert original.tobytes() == before


@st.composite
def prepared_cases(draw):
    original = normalize_mode(draw(images(modes=("L", "RGB", "RGBA"))))
    return original, draw(images(size=original.size)), draw(mask_areas(size=original.size))


@quick_settings
@given(prepared_cases(), st.integers(0, 9))
def test_png_of_prepared_lines_has_the_composited_pixels_of_every_case(case, feather):
    original, result, mask = case
    source_box = (0, 0, *original.size)
    expected, preserved_pixels = composite(original, result, mask, feather, source_box)
    prepared = prepare_original(original, mask, feather=feather)
    data = write_restored_png(prepared, result, source_box)
    assert prepared.preserved_pixels == preserved_pixels
    assert (data is None) == (expected.mode != original.mode)
    if data:
        assert decode_image(data).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("original_mode", "result_mode"), [("L", "RGB"), ("RGB", "RGBA")])
def test_result_that_needs_another_mode_gives_no_png(original_mode, result_mode):
    original, result = scene(*SIZE).convert(original_mode), sample_image(SIZE).convert(result_mode)
    prepared = prepare_original(original, mask_of(BOXES[0]), feather=2)
    assert write_restored_png(prepared, result, (0, 0, *SIZE)) is None


def test_bands_of_a_large_mask_are_joined(monkeypatch):
    monkeypatch.setattr("retouch.imaging.masks.regions._MAX_BAND_PIXELS", 700)
    original, result, mask = scene(*SIZE), sample_image(SIZE).convert("RGB"), mask_of(BOXES[3])
    prepared = prepare_original(original, mask, feather=6)
    assert len(prepared.bands) > 10
    expected, _ = composite(original, result, mask, 6, None)
    assert restore(prepared, result, (0, 0, *SIZE)).tobytes() == expected.tobytes()
