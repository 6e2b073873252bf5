"""Tests of parameter values: read, renamed, or rejected with one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.core.edit_types import FormText
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import (
    BoolParam,
    EnumParam,
    FloatParam,
    IntParam,
    NotForwarded,
    StringParam,
)
from retouch.core.sizes import FixedSizes, SizeRange, parse_size

SIZE_RANGE = SizeRange(
    edge_multiple=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_aspect_ratio=3
)


@pytest.mark.parametrize(
    ("spec", "value", "canonical"),
    [
        (EnumParam(("low", "medium"), {"standard": "medium"}), "standard", "medium"),
        (IntParam(1, 10), FormText("10"), 10),
        (IntParam(-5, 5), FormText("-5"), -5),
        (IntParam(1, 10), 3, 3),
        (IntParam(1, 10), 3.0, 3),
        (FloatParam(0, 1), FormText("0.25"), 0.25),
        (FloatParam(0, 1), 1, 1.0),
        *((BoolParam(), FormText(t), True) for t in ("true", "True", "TRUE", "1", "yes", "on")),
        *((BoolParam(), FormText(t), False) for t in ("false", "False", "0", "no", "Off")),
        (BoolParam(), "true", True),
        (BoolParam(), False, False),
        (StringParam(5), "hello", "hello"),
        (NotForwarded(IntParam(0, 3), "why"), FormText("2"), 2),
        (FixedSizes(("1x1", "auto")), "auto", "auto"),
        (SIZE_RANGE, "1024x1024", "1024x1024"),
        (SIZE_RANGE, "3840x2160", "3840x2160"),
    ],
)
def test_valid_value_is_read_in_canonical_form(spec, value, canonical):
    result = spec.read("p", value)
    assert result == canonical
    assert type(result) is type(canonical)


@pytest.mark.parametrize(
    ("spec", "value", "code"),
    [
        (EnumParam(("low",)), "high", "invalid_value"),
        (EnumParam(("low",)), 3, "invalid_type"),
        (IntParam(1, 10), FormText("0"), "invalid_value"),
        (IntParam(1, 10), FormText("1.5"), "invalid_type"),
        (IntParam(1, 10), FormText("\u0662"), "invalid_type"),
        (IntParam(1, 10), "2", "invalid_type"),
        (IntParam(1, 10), True, "invalid_type"),
        (IntParam(1, 10), 1.5, "invalid_type"),
        (IntParam(1, 10), float("inf"), "invalid_type"),
        (IntParam(1, 10), 1e300, "invalid_value"),
        (FloatParam(0, 1), float("nan"), "invalid_value"),
        (FloatParam(0, 1), FormText("nan"), "invalid_type"),
        (BoolParam(), FormText("maybe"), "invalid_type"),
        (BoolParam(), FormText("2"), "invalid_type"),
        (BoolParam(), 1, "invalid_type"),
        (StringParam(5), "hello!", "invalid_value"),
        (SIZE_RANGE, "1000x1000", "invalid_value"),
        (SIZE_RANGE, "3856x1024", "invalid_value"),
        (SIZE_RANGE, "3072x1008", "invalid_value"),
        (SIZE_RANGE, "640x640", "invalid_value"),
        (SIZE_RANGE, "3840x3840", "invalid_value"),
        (SIZE_RANGE, 1024, "invalid_type"),
    ],
)
def test_invalid_value_is_rejected_naming_parameter_and_rule(spec, value, code):
    with pytest.raises(InvalidRequest) as exc_info:
        spec.read("p", value)
    assert (exc_info.value.code, exc_info.value.param) == (code, "p")
    assert spec.rule() in str(exc_info.value)


@pytest.mark.parametrize(
    ("spec", "value", "has_hint"),
    [
        (IntParam(1, 10), "2", True),
        (FloatParam(0, 1), "0.5", True),
        (IntParam(1, 10), "two", False),
        (IntParam(1, 10), FormText("two"), False),
        (EnumParam(("low",)), "high", False),
    ],
)
def test_error_for_a_number_in_quotes_says_to_leave_them_out(spec, value, has_hint):
    with pytest.raises(InvalidRequest) as exc_info:
        spec.read("p", value)
    assert str(exc_info.value).endswith("Send it without quotes.") == has_hint


def test_quoted_value_in_error_is_short_and_on_one_line():
    with pytest.raises(InvalidRequest) as exc_info:
        EnumParam(("low",)).read("p", "a\r\nb" + "x" * 500)
    assert "\n" not in str(exc_info.value)
    assert len(str(exc_info.value)) < 200


@given(st.integers(1, 1024), st.integers(1, 1024))
def test_larger_size_has_same_aspect_ratio_and_is_allowed(width, height):
    larger = SIZE_RANGE.find_larger_size((width, height))
    if larger is None:
        return
    assert SIZE_RANGE.is_allowed(larger)
    assert larger[0] * height == larger[1] * width
    assert larger[0] >= width


@given(st.text())
def test_parse_size_accepts_only_width_x_height(text):
    size = parse_size(text)
    assert size is None or f"{size[0]}x{size[1]}" == text
