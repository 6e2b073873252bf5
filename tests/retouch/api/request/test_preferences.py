"""Tests of the header `Prefer` in the spellings of RFC 7240."""

import pytest

from retouch.api.request.preferences import read_preferences, read_wait


@pytest.mark.parametrize(
    "text",
    [
        "respond-async",
        "Respond-Async",
        'respond-async=""',
        "return=minimal, respond-async",
        "respond-async;foo=bar",
        "wait=5,respond-async",
        'foo="a, b\\", c", respond-async',
        "respond-async,,",
        "respond-async, respond-async=x",
    ],
)
def test_preference_is_found_in_every_spelling(text):
    assert read_preferences({"prefer": text}).get("respond-async") == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "respond-asyncx",
        "respond-async=false",
        'foo="a, respond-async, b"',
        'foo="a; respond-async',
        '"respond-async"',
    ],
)
def test_other_text_is_not_the_preference(text):
    assert read_preferences({"prefer": text}).get("respond-async") != ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("wait=5", 5),
        ('wait="5"', 5),
        ("respond-async, Wait = 5", 5),
        ("respond-async; wait=5", 5),
        ("wait=5, wait=9", 5),
        ("wait=100000", 100_000),
        ("wait=0", 0),
        ("wait", None),
        ("wait=-1", None),
        ("wait=0.5", None),
        ("wait=\u0665", None),
        ("wait=99999999999999999999", None),
        ("waiting=5", None),
    ],
)
def test_wait_is_a_whole_number_of_seconds(text, seconds):
    assert read_wait({"prefer": text}) == seconds
