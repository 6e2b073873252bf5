"""Tests of images outside a model's limits: they are rejected, padded or scaled, and returned in their own geometry."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.core.capabilities import ModelCapabilities, SizeLimits
from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.core.geometry import full_canvas_placement
from retouch.core.sizes import AspectRatios, FixedSizes, SameAsInput, SizeRange, parse_size
from retouch.planning.image_fit import fit_geometry, place_within_limits, violations
from tests.support.edit_requests import PLAIN_REQUEST

PLAIN_MODEL = ModelCapabilities(id="m", params={"size": SameAsInput()})
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")
GPT_IMAGE_2_SIZES = SizeRange(
    edge_multiple=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_aspect_ratio=3
)
edges = st.integers(16, 5000)


def edit_request(image_size, fit_mode="strict", **params):
    image = EncodedImage(b"", "png", *image_size)
    return replace(PLAIN_REQUEST, images=(image,), fit_mode=fit_mode, params=params)


def test_image_within_limits_is_not_placed():
    for fit_mode in ("strict", "scale", "pad"):
        assert fit_geometry(PLAIN_MODEL, edit_request((64, 48), fit_mode)).placement is None


@pytest.mark.parametrize(
    ("model", "size", "code", "remedy"),
    [
        (replace(PLAIN_MODEL, requires_square=True), (64, 48), "image_not_square", "fit=pad"),
        (
            replace(PLAIN_MODEL, size_limits=SizeLimits(max_aspect_ratio=2.5)),
            (300, 100),
            "unsupported_image_size",
            "fit=pad",
        ),
        (replace(PLAIN_MODEL, size_limits=SizeLimits(max_edge=99)), (100, 10), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN_MODEL, size_limits=SizeLimits(max_pixels=99)), (10, 10), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN_MODEL, size_limits=SizeLimits(min_edge=64)), (63, 99), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN_MODEL, size_limits=SizeLimits(min_pixels=101)), (10, 10), "unsupported_image_size", "fit=scale"),
    ],
)  # fmt: skip
def test_strict_fit_rejects_image_naming_the_remedy(model, size, code, remedy):
    with pytest.raises(InvalidRequest, match=remedy) as exc_info:
        fit_geometry(model, edit_request(size))
    assert exc_info.value.code == code
    assert f"{size[0]}x{size[1]}" in str(exc_info.value)
    fitted = fit_geometry(model, edit_request(size, remedy.removeprefix("fit=")))
    assert fitted.placement is not None
    assert violations(model, fitted.placement.canvas) == []
    assert fitted.placement.original == size


def test_scale_fit_of_non_square_image_is_rejected_for_square_model():
    with pytest.raises(InvalidRequest, match="fit=pad"):
        fit_geometry(replace(PLAIN_MODEL, requires_square=True), edit_request((64, 48), "scale"))


SIZE_LIMITS = SizeLimits(
    min_edge=64, max_edge=2000, min_pixels=4096, max_pixels=1_000_000, max_aspect_ratio=2.5
)


@given(st.tuples(edges, edges), st.sampled_from([True, False]))
@settings(max_examples=200, deadline=None)
def test_pad_fit_places_any_image_within_limits(size, square):
    model = replace(PLAIN_MODEL, size_limits=SIZE_LIMITS, requires_square=square)
    placement = place_within_limits(model, EncodedImage(b"", "png", *size), "pad", "image")
    canvas = placement.canvas if placement else size
    long, short = max(canvas), min(canvas)
    assert short >= 64
    assert long <= 2000
    assert long * short <= 1_000_000
    assert long <= short * 2.5 + 3  # the tolerance covers rounding to whole pixels
    assert long == short or not square
    if placement:
        left, top, right, bottom = placement.box
        width, height = right - left, bottom - top
        assert 0 <= left < right <= canvas[0]
        assert 0 <= top < bottom <= canvas[1]
        assert abs(width / height / (size[0] / size[1]) - 1) < 0.1 or min(width, height) < 40


@given(st.tuples(edges, edges))
@settings(max_examples=100, deadline=None)
def test_pad_fit_requests_a_supported_size(size):
    for spec in (FixedSizes(("1024x1024", "1536x1024", "1024x1536", "auto")), GPT_IMAGE_2_SIZES):
        fitted = fit_geometry(
            ModelCapabilities(id="m", params={"size": spec}), edit_request(size, "pad")
        )
        fitted_size = parse_size(fitted.params["size"])
        assert fitted_size is not None
        assert spec.is_allowed(fitted_size)
        if spec is GPT_IMAGE_2_SIZES:
            assert fitted.placement is not None
            assert fitted.placement.canvas == fitted_size
    fitted = fit_geometry(
        ModelCapabilities(id="m", params={"size": AspectRatios(RATIOS, {"1K": 1024})}),
        edit_request(size, "pad"),
    )
    assert fitted.params["aspect_ratio"] in RATIOS
    assert fitted.params["resolution"] == "1K"


def test_pad_fit_with_explicit_size_is_rejected():
    model = ModelCapabilities(id="m", params={"size": GPT_IMAGE_2_SIZES})
    with pytest.raises(InvalidRequest) as exc_info:
        fit_geometry(model, edit_request((100, 80), "pad", size="1024x1024"))
    assert exc_info.value.param == "size"
    assert fit_geometry(model, edit_request((100, 80), "pad", size="auto")).placement


@pytest.mark.parametrize(
    "spec", [GPT_IMAGE_2_SIZES, AspectRatios(RATIOS), FixedSizes(("1024x1024",))]
)
@pytest.mark.parametrize("other", [{"size": "1536x1024"}, {"aspect_ratio": "16:9"}])
def test_pad_fit_rejects_other_shape_although_image_fits(spec, other):
    """The image needs no padding. A shape that the caller names must not be replaced silently."""
    model = ModelCapabilities(id="m", params={"size": spec})
    with pytest.raises(InvalidRequest, match="leave"):
        fit_geometry(model, edit_request((1024, 1024), "pad", **other))
    assert fit_geometry(model, edit_request((1024, 1024), "pad", size="1024x1024")).params


@pytest.mark.parametrize(
    ("image_size", "size"),
    [
        ((100, 100), "256x256"),
        ((400, 300), "512x512"),
        ((756, 1008), "1024x1024"),
        ((4032, 3024), "1024x1024"),
    ],
)
def test_pad_fit_requests_smallest_equal_shape_that_is_large_enough(image_size, size):
    model = ModelCapabilities(
        id="m",
        requires_square=True,
        params={"size": FixedSizes(("256x256", "512x512", "1024x1024"))},
    )
    fitted = fit_geometry(model, edit_request(image_size, "pad"))
    assert fitted.params == {"size": size}


def test_pad_fit_keeps_resolution_of_the_request():
    model = ModelCapabilities(
        id="m", params={"size": AspectRatios(RATIOS, {"1K": 1024, "4K": 4096})}
    )
    assert fit_geometry(model, edit_request((4000, 3000), "pad")).params["resolution"] == "4K"
    named = fit_geometry(model, edit_request((4000, 3000), "pad", resolution="1K"))
    assert "resolution" not in named.params  # the request's own value is sent


@given(st.tuples(edges, edges))
@settings(max_examples=100, deadline=None)
def test_auto_fit_sends_image_of_possible_shape_as_it_is(size):
    """The result is then only scaled, by almost the same factor on both axes."""
    fitted = fit_geometry(
        ModelCapabilities(id="m", params={"size": GPT_IMAGE_2_SIZES}), edit_request(size, "auto")
    )
    requested = parse_size(fitted.params["size"])
    assert requested is not None
    assert GPT_IMAGE_2_SIZES.is_allowed(requested)
    sent_size = fitted.placement.canvas if fitted.placement else size
    assert abs(requested[0] * sent_size[1] / (requested[1] * sent_size[0]) - 1) <= 0.0011
    assert fitted.placement == full_canvas_placement(size) or fitted.notes


@pytest.mark.parametrize(
    ("size", "requested"),
    [
        ((3024, 4032), "2448x3264"),
        ((1024, 1024), "1024x1024"),
        ((64, 48), "960x720"),
        ((900, 300), "1440x480"),
    ],
)
def test_auto_fit_requests_nearest_size_of_the_same_shape(size, requested):
    model = ModelCapabilities(id="m", params={"size": GPT_IMAGE_2_SIZES})
    fitted = fit_geometry(model, edit_request(size, "auto"))
    assert (fitted.placement, fitted.params, fitted.notes) == (
        full_canvas_placement(size),
        {"size": requested},
        (),
    )
    longer = fit_geometry(model, edit_request((901, 300), "auto")).placement
    assert longer is not None
    assert longer.canvas != (901, 300)


def test_padded_canvas_of_large_image_is_scaled_down():
    model = ModelCapabilities(id="m", params={"size": FixedSizes(("1024x1024", "1024x1536"))})
    placement = fit_geometry(model, edit_request((6000, 8000), "auto")).placement
    assert placement is not None
    assert 16_700_000 < placement.canvas[0] * placement.canvas[1] <= 4096 * 4096
    exact = fit_geometry(model, edit_request((4500, 6750), "auto")).placement
    assert exact == full_canvas_placement((4500, 6750))


@pytest.mark.parametrize(
    ("size", "note"),
    [
        ((1000, 1000), "image: padded to 1008x1008, the result cropped back"),
        ((5760, 3840), "image: scaled and padded to 3504x2336, the result cropped and scaled back"),
        ((320, 320), "image: scaled and padded to 816x816, the result cropped and scaled back"),
    ],
)
def test_note_names_every_step_of_the_placement(size, note):
    model = ModelCapabilities(id="m", params={"size": GPT_IMAGE_2_SIZES})
    assert fit_geometry(model, edit_request(size, "pad")).notes == (note,)


@given(st.tuples(edges, edges))
@settings(max_examples=100, deadline=None)
def test_pad_fit_uses_whole_steps_of_the_model(size):
    bounds = SizeLimits(min_edge=64, max_edge=1024)
    model = ModelCapabilities(
        id="m", size_limits=bounds, params={"size": SameAsInput(edge_multiple=8)}
    )
    placement = fit_geometry(model, edit_request(size, "pad")).placement
    assert placement is not None
    assert [edge % 8 for edge in placement.canvas] == [0, 0]
    assert violations(model, placement.canvas) == []
    assert placement.original == size
    if max(size) <= 1024 and min(size) >= 64:
        assert placement.size_on_canvas == size
    assert (
        fit_geometry(
            replace(model, params={"size": SameAsInput()}), edit_request((101, 77), "pad")
        ).placement
        is None
    )


@pytest.mark.parametrize("size", [(16_383, 1), (1, 16_383)])
@pytest.mark.parametrize(
    "spec", [FixedSizes(("1536x1024",)), AspectRatios(RATIOS), GPT_IMAGE_2_SIZES]
)
def test_image_of_one_line_is_refused_before_it_is_padded(size, spec):
    model = replace(PLAIN_MODEL, params={"size": spec})
    with pytest.raises(InvalidRequest, match="Crop it to a less extreme shape") as caught:
        fit_geometry(model, edit_request(size, "pad"))
    assert caught.value.code == "unsupported_image_size"
