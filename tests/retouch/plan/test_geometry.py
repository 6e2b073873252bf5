"""What the model cannot take is refused, padded or scaled, and comes back in the caller's own geometry."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.cards import Bounds, Model
from retouch.errors import InvalidRequest
from retouch.messages import Picture, Wish
from retouch.plan.geometry import bounded, fit, troubles
from retouch.sizes import AsInput, FixedSizes, FreeSize, Ratios, parse_size

PLAIN = Model(id="m", params={"size": AsInput()})
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")
GPT2 = FreeSize(step=16, longest_edge=3840, least_pixels=655_360, most_pixels=8_294_400, widest=3)
edges = st.integers(16, 5000)


def wish(shape, how="strict", **params):
    picture = Picture(b"", "png", *shape)
    return Wish("p", (picture,), None, None, 1, None, False, None, how, False, False, params)


def test_what_fits_is_left_alone():
    for how in ("strict", "scale", "pad"):
        assert fit(PLAIN, wish((64, 48), how)).frame is None


@pytest.mark.parametrize(
    ("card", "size", "code", "remedy"),
    [
        (replace(PLAIN, square=True), (64, 48), "image_not_square", "fit=pad"),
        (replace(PLAIN, bounds=Bounds(widest=2.5)), (300, 100), "unsupported_image_size", "fit=pad"),
        (replace(PLAIN, bounds=Bounds(most_edge=99)), (100, 10), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN, bounds=Bounds(most_pixels=99)), (10, 10), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN, bounds=Bounds(least_edge=64)), (63, 99), "unsupported_image_size", "fit=scale"),
        (replace(PLAIN, bounds=Bounds(least_pixels=101)), (10, 10), "unsupported_image_size", "fit=scale"),
    ],
)  # fmt: skip
def test_strict_refuses_and_names_what_helps(card, size, code, remedy):
    with pytest.raises(InvalidRequest, match=remedy) as refused:
        fit(card, wish(size))
    assert refused.value.code == code
    assert f"{size[0]}x{size[1]}" in str(refused.value)
    mended = fit(card, wish(size, remedy.removeprefix("fit=")))
    assert troubles(card, mended.frame.canvas) == []
    assert mended.frame.original == size


def test_scaling_does_not_change_a_shape():
    with pytest.raises(InvalidRequest, match="fit=pad"):
        fit(replace(PLAIN, square=True), wish((64, 48), "scale"))


BOUNDS = Bounds(least_edge=64, most_edge=2000, least_pixels=4096, most_pixels=1_000_000, widest=2.5)


@given(st.tuples(edges, edges), st.sampled_from([True, False]))
@settings(max_examples=200, deadline=None)
def test_padding_always_ends_inside_the_bounds(size, square):
    card = replace(PLAIN, bounds=BOUNDS, square=square)
    frame = bounded(card, Picture(b"", "png", *size), "pad", "image")
    canvas = frame.canvas if frame else size
    long, short = max(canvas), min(canvas)
    assert short >= 64
    assert long <= 2000
    assert long * short <= 1_000_000
    assert long <= short * 2.5 + 3  # rounding to whole pixels
    assert long == short or not square
    if frame:
        left, top, right, bottom = frame.box
        width, height = right - left, bottom - top
        assert 0 <= left < right <= canvas[0]
        assert 0 <= top < bottom <= canvas[1]
        assert abs(width / height / (size[0] / size[1]) - 1) < 0.1 or min(width, height) < 40


@given(st.tuples(edges, edges))
@settings(max_examples=100, deadline=None)
def test_padding_asks_for_a_size_that_the_model_makes(size):
    for spec in (FixedSizes(("1024x1024", "1536x1024", "1024x1536", "auto")), GPT2):
        fitted = fit(Model(id="m", params={"size": spec}), wish(size, "pad"))
        assert spec.allows(parse_size(fitted.params["size"]))
        if spec is GPT2:
            assert fitted.frame.canvas == parse_size(fitted.params["size"])
    fitted = fit(Model(id="m", params={"size": Ratios(RATIOS, {"1K": 1024})}), wish(size, "pad"))
    assert fitted.params["aspect_ratio"] in RATIOS
    assert fitted.params["resolution"] == "1K"


def test_padding_and_a_size_exclude_each_other():
    card = Model(id="m", params={"size": GPT2})
    with pytest.raises(InvalidRequest) as refused:
        fit(card, wish((100, 80), "pad", size="1024x1024"))
    assert refused.value.param == "size"
    assert fit(card, wish((100, 80), "pad", size="auto")).frame


@given(st.tuples(edges, edges))
@settings(max_examples=100, deadline=None)
def test_padding_ends_on_whole_steps_where_a_model_works_in_those(size):
    bounds = Bounds(least_edge=64, most_edge=1024)
    card = Model(id="m", bounds=bounds, params={"size": AsInput(step=8)})
    frame = fit(card, wish(size, "pad")).frame
    assert [edge % 8 for edge in frame.canvas] == [0, 0]
    assert troubles(card, frame.canvas) == []
    assert frame.original == size
    if max(size) <= 1024 and min(size) >= 64:
        assert frame.inner == size
    assert fit(replace(card, params={"size": AsInput()}), wish((101, 77), "pad")).frame is None
