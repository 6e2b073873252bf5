"""What a parameter may be: read, renamed or refused in one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.errors import InvalidRequest
from retouch.messages import Text
from retouch.sizes import FixedSizes, FreeSize, parse_size
from retouch.specs import Choice, Flag, Real, Unsent, Whole, Words

FREE = FreeSize(step=16, longest_edge=3840, least_pixels=655_360, most_pixels=8_294_400, widest=3)


@pytest.mark.parametrize(
    ("spec", "value", "canonical"),
    [
        (Choice(("low", "medium"), {"standard": "medium"}), "standard", "medium"),
        (Whole(1, 10), Text("10"), 10),
        (Whole(-5, 5), Text("-5"), -5),
        (Whole(1, 10), 3, 3),
        (Real(0, 1), Text("0.25"), 0.25),
        (Real(0, 1), 1, 1.0),
        (Flag(), Text("true"), True),
        (Flag(), False, False),
        (Words(5), "hello", "hello"),
        (Unsent(Whole(0, 3), "why"), Text("2"), 2),
        (FixedSizes(("1x1", "auto")), "auto", "auto"),
        (FREE, "1024x1024", "1024x1024"),
        (FREE, "3840x2160", "3840x2160"),
    ],
)
def test_accepted(spec, value, canonical):
    found = spec.read("p", value)
    assert found == canonical
    assert type(found) is type(canonical)


@pytest.mark.parametrize(
    ("spec", "value", "code"),
    [
        (Choice(("low",)), "high", "invalid_value"),
        (Choice(("low",)), 3, "invalid_type"),
        (Whole(1, 10), Text("0"), "invalid_value"),
        (Whole(1, 10), Text("1.5"), "invalid_type"),
        (Whole(1, 10), Text("\u0662"), "invalid_type"),
        (Whole(1, 10), "2", "invalid_type"),
        (Whole(1, 10), True, "invalid_type"),
        (Real(0, 1), float("nan"), "invalid_value"),
        (Real(0, 1), Text("nan"), "invalid_type"),
        (Flag(), Text("True"), "invalid_type"),
        (Flag(), "true", "invalid_type"),
        (Words(5), "hello!", "invalid_value"),
        (FREE, "1000x1000", "invalid_value"),
        (FREE, "3856x1024", "invalid_value"),
        (FREE, "3072x1008", "invalid_value"),
        (FREE, "640x640", "invalid_value"),
        (FREE, "3840x3840", "invalid_value"),
        (FREE, 1024, "invalid_type"),
    ],
)
def test_refused_naming_parameter_and_rule(spec, value, code):
    with pytest.raises(InvalidRequest) as caught:
        spec.read("p", value)
    assert (caught.value.code, caught.value.param) == (code, "p")
    assert spec.rule() in str(caught.value)


def test_an_echoed_value_is_short_and_on_one_line():
    with pytest.raises(InvalidRequest) as caught:
        Choice(("low",)).read("p", "a\r\nb" + "x" * 500)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.integers(1, 1024), st.integers(1, 1024))
def test_a_larger_size_has_the_same_shape_and_is_made(width, height):
    larger = FREE.larger((width, height))
    if larger is None:
        return
    assert FREE.allows(larger)
    assert larger[0] * height == larger[1] * width
    assert larger[0] >= width


@given(st.text())
def test_parse_size_takes_nothing_else(text):
    size = parse_size(text)
    assert size is None or f"{size[0]}x{size[1]}" == text
