"""Tests of times in ids."""

import pytest

from retouch.core.sortable_time import decode_time, encode_time


@pytest.mark.parametrize("unix_time", [0, 1, 1_796_066_658, 2**40 - 1])
def test_time_survives_its_encoding(unix_time):
    assert decode_time(encode_time(unix_time)) == unix_time


def test_encoded_times_sort_like_the_times():
    times = [0, 31, 32, 1_796_066_658, 1_796_066_659]
    assert sorted(map(encode_time, times)) == list(map(encode_time, times))


def test_text_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="substring"):
        decode_time("u")
