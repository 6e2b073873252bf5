"""Tests of token usage: only counts are returned from any data of a provider."""

import pytest

from retouch.core.usage import sum_usage, token_counts

VALID_USAGE = {
    "input_tokens": 3,
    "output_tokens": 5,
    "total_tokens": 8,
    "input_tokens_details": {"text_tokens": 1, "image_tokens": 2},
}


def test_valid_usage_is_returned_unchanged():
    assert token_counts(VALID_USAGE) == VALID_USAGE


@pytest.mark.parametrize(
    ("usage", "expected"),
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
def test_invalid_count_is_left_out_of_usage(usage, expected):
    assert token_counts(usage) == expected


@pytest.mark.parametrize("usage", [None, [], "9", 9, {}, {"output_tokens": 0}, {"a": None}])
def test_usage_without_counts_is_none(usage):
    assert token_counts(usage) is None


def test_usage_total_adds_each_field():
    more = {"output_tokens": 1, "output_tokens_details": {"text_tokens": 1}}
    assert sum_usage([VALID_USAGE, more, VALID_USAGE]) == {
        "input_tokens": 6,
        "output_tokens": 11,
        "total_tokens": 16,
        "input_tokens_details": {"text_tokens": 2, "image_tokens": 4},
        "output_tokens_details": {"text_tokens": 1},
    }
    assert VALID_USAGE["input_tokens_details"] == {"text_tokens": 1, "image_tokens": 2}
