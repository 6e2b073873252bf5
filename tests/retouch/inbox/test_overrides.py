"""Tests of the fields for one object: the prompt in its metadata, and its sidecar."""

import pytest

from retouch.core.errors import InvalidRequest
from retouch.inbox.overrides import parse_sidecar, read_prompt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("white background", "white background"),
        ("wei%C3%9Fer Hintergrund", "weißer Hintergrund"),
        ("=?UTF-8?B?d2Vpw59lcg==?= Hintergrund", "weißer Hintergrund"),
        ("=?UTF-8?Q?wei=C3=9Fer?=", "weißer"),
        ("50% off", "50% off"),
        ("100%", "100%"),
        ("%FF", "%FF"),
        ("=?nonsense?X?y?=", "=?nonsense?X?y?="),
        ("=?x-unknown?B?YQ==?=", "=?x-unknown?B?YQ==?="),
        ("", ""),
    ],
)
def test_prompt_in_metadata_is_decoded(text, expected):
    assert read_prompt({"prompt": text}) == expected


def test_object_without_a_prompt_has_none():
    assert read_prompt({}) == ""


def test_sidecar_gives_fields_of_the_api():
    assert parse_sidecar(b'{"prompt": "red", "size": "64x64"}') == {
        "prompt": "red",
        "size": "64x64",
    }


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"images": []}', b'{"stream": true}'])
def test_invalid_sidecar_is_refused(data):
    with pytest.raises(InvalidRequest) as caught:
        parse_sidecar(data)
    assert caught.value.code == "invalid_sidecar"
