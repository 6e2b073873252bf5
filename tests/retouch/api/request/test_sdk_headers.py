"""Tests of the headers in which the OpenAI SDKs describe their timeout and their retries."""

import pytest

from retouch.api.request.sdk_headers import read_retry_count, read_sdk_timeout


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-stainless-read-timeout": "600"}, 600.0),
        ({"x-stainless-timeout": "2"}, 2.0),
        ({"x-stainless-timeout": "0"}, 0.0),
        ({"x-stainless-read-timeout": "7.5", "x-stainless-timeout": "9"}, 7.5),
        ({"x-stainless-read-timeout": "NOT_GIVEN", "x-stainless-timeout": "9"}, 9.0),
        ({"x-stainless-timeout": "-1"}, None),
        ({"x-stainless-timeout": "1e9"}, None),
        ({"x-stainless-timeout": "inf"}, None),
        ({"x-stainless-timeout": "٣"}, None),
        ({"x-stainless-timeout": ""}, None),
        ({"x-stainless-timeout": "."}, None),
    ],
)
def test_sdk_timeout_is_the_shortest_valid_number(headers, seconds):
    assert read_sdk_timeout(headers) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1", 1),
        (" 2 ", 2),
        ("12", 12),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("9" * 5000, None),
    ],
)
def test_retry_count_is_read_only_from_a_whole_number(text, count):
    assert read_retry_count({"x-stainless-retry-count": text}) == count


def test_client_without_the_header_has_no_retry_count():
    assert read_retry_count({}) is None
