"""Token counts: whatever providers put there, only counts come out."""

import pytest

from retouch.usage import told, total

GOOD = {
    "input_tokens": 3,
    "output_tokens": 5,
    "total_tokens": 8,
    "input_tokens_details": {"text_tokens": 1, "image_tokens": 2},
}


def test_counts_pass():
    assert told(GOOD) == GOOD


@pytest.mark.parametrize(
    ("odd", "left"),
    [
        ({"output_tokens": "12.5", "input_tokens": 3}, {"input_tokens": 3}),
        ({"output_tokens": {"a": 1}, "input_tokens": 3}, {"input_tokens": 3}),
        ({"input_tokens": 3, "input_tokens_details": True}, {"input_tokens": 3}),
        ({"input_tokens": 3, "input_tokens_details": ["x"]}, {"input_tokens": 3}),
        (
            {"input_tokens": 3, "input_tokens_details": {"image_tokens": "many"}},
            {"input_tokens": 3, "input_tokens_details": {}},
        ),
        ({"input_tokens": 3, "output_tokens": -1}, {"input_tokens": 3}),
        ({"input_tokens": 3, "output_tokens": None}, {"input_tokens": 3}),
    ],
)
def test_what_is_no_count_is_left_out(odd, left):
    assert told(odd) == left


@pytest.mark.parametrize("nothing", [None, [], "9", 9, {}, {"output_tokens": 0}, {"a": None}])
def test_nothing_counted_is_none(nothing):
    assert told(nothing) is None


def test_sums_go_field_by_field():
    more = {"output_tokens": 1, "output_tokens_details": {"text_tokens": 1}}
    assert total([GOOD, more, GOOD]) == {
        "input_tokens": 6,
        "output_tokens": 11,
        "total_tokens": 16,
        "input_tokens_details": {"text_tokens": 2, "image_tokens": 4},
        "output_tokens_details": {"text_tokens": 1},
    }
    assert GOOD["input_tokens_details"] == {"text_tokens": 1, "image_tokens": 2}
