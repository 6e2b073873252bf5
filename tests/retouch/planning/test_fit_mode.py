"""Tests of the choice of `fit` for requests that do not name one."""

from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.capabilities import ALPHA_MASK, ModelCapabilities
from retouch.core.edit_types import EncodedImage, Mask
from retouch.core.sizes import AspectRatios, FixedSizes, SizeRange
from retouch.planning.fit_mode import choose_fit_mode, drop_own_size, find_other_size
from tests.support.edit_requests import PLAIN_REQUEST

MODEL = ModelCapabilities(id="m", mask_format=ALPHA_MASK)
MASK = Mask(Image.new("L", (40, 30)), 0.5)
REQUEST = replace(PLAIN_REQUEST, images=(EncodedImage(b"", "png", 40, 30),), mask=MASK)


def test_masked_edit_of_own_size_stays_auto():
    for params in ({}, {"size": "auto"}, {"size": "40x30"}):
        assert choose_fit_mode(MODEL, replace(REQUEST, params=params), MASK) == "auto", params
    assert choose_fit_mode(MODEL, replace(REQUEST, preserve=True), MASK) == "auto"


@pytest.mark.parametrize(
    ("changes", "mask"),
    [
        ({}, None),
        ({"preserve": False}, MASK),
        ({"params": {"size": "30x40"}}, MASK),
        ({"params": {"size": 7}}, MASK),
        ({"params": {"aspect_ratio": "4:3"}}, MASK),
    ],
    ids=str,
)
def test_edit_without_restored_pixels_is_strict(changes, mask):
    assert choose_fit_mode(MODEL, replace(REQUEST, **changes), mask) == "strict"


def test_model_that_changes_geometry_is_strict():
    assert choose_fit_mode(replace(MODEL, changes_geometry=True), REQUEST, MASK) == "strict"


@pytest.mark.parametrize("fit", ["strict", "scale", "pad"])
def test_fit_that_the_request_names_is_chosen(fit):
    assert choose_fit_mode(MODEL, replace(REQUEST, fit_mode=fit), MASK) == fit


def test_other_size_is_found_by_name():
    assert find_other_size(REQUEST) is None
    assert find_other_size(replace(REQUEST, params={"size": "30x40"})) == "size"
    assert find_other_size(replace(REQUEST, params={"aspect_ratio": "1:1"})) == "aspect_ratio"


FIXED = FixedSizes(("1024x1024", "auto"))
RANGE = SizeRange(16, 3840, 655_360, 8_294_400, 3)


@pytest.mark.parametrize("spec", [FIXED, RANGE])
@pytest.mark.parametrize("fit", ["auto", "pad"])
def test_own_size_that_the_model_does_not_make_is_dropped_with_a_note(spec, fit):
    params = {"size": "40x30", "quality": "low"}
    request = replace(REQUEST, params=params, fit_mode=fit)
    changed, (note,) = drop_own_size(replace(MODEL, params={"size": spec}), request)
    assert changed.params == {"quality": "low"}
    assert note.startswith("size: m does not make 40x30")


@pytest.mark.parametrize(
    ("spec", "size", "fit"),
    [
        (FIXED, "40x30", "strict"),
        (FIXED, "40x30", "scale"),
        (FIXED, "30x40", "auto"),
        (FIXED, "auto", "auto"),
        (FIXED, 7, "auto"),
        (AspectRatios(("1:1",)), "40x30", "auto"),
        (SizeRange(1, 100, 1, 10_000, 3), "40x30", "auto"),
    ],
)
def test_other_sizes_stay_in_the_request(spec, size, fit):
    request = replace(REQUEST, params={"size": size}, fit_mode=fit)
    model = replace(MODEL, params={"size": spec})
    assert drop_own_size(model, request) == (request, ())
