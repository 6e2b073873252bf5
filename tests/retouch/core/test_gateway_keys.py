"""Tests of the recognition of gateway keys in texts."""

import base64
import secrets
from urllib.parse import quote

import pytest

from retouch.core.gateway_keys import contains_encoded_gateway_key, contains_gateway_key

KEY = "rt_q7Zk-2mXv_9aLw4TnB8cRe1YhUj6PsD3fGoKiV5xEzQ"
OTHER = "rt_" + "A" * 43


def percent(text):
    return "".join(f"%{ord(character):02X}" for character in text)


SPELLINGS = {
    "alone": KEY,
    "two schemes": f"Bearer Bearer {KEY}",
    "another scheme": f"Token {KEY}",
    "a comma": f"Bearer,{KEY}",
    "quotes": f'"{KEY}"',
    "upper case": KEY.upper(),
    "upper-case prefix": f"RT_{KEY[3:]}",
    "JSON": f'{{"api_key": "{KEY}"}}',
    "a URL": f"https://a.example/?key={KEY}&b=1",
    "percent": quote(f"Bearer {KEY}"),
    "all percent": percent(KEY),
    "percent twice": quote(percent(KEY)),
    "JSON escapes": "".join(f"\\u{ord(character):04x}" for character in KEY),
    "a line break": f"x\n{KEY}",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("own_key", [KEY, OTHER, ""])
def test_key_is_found_in_every_spelling(text, own_key):
    assert contains_gateway_key(text, own_key)


@pytest.mark.parametrize("text", [KEY[3:], f"sk-{KEY}", f"x{KEY}y", f"prefix{KEY[3:]}suffix"])
def test_own_key_is_found_inside_a_word_and_without_its_prefix(text):
    assert contains_gateway_key(text, KEY)
    assert not contains_gateway_key(text, OTHER)


@pytest.mark.parametrize(
    "data", [KEY, f"user:{KEY}", f"{KEY}:", f"a:{KEY}:b"], ids=["key", "password", "user", "both"]
)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_key_in_base64_is_found(data, encode):
    text = encode(data.encode()).decode()
    for spelling in (text, text.rstrip("="), f"Basic {text}"):
        assert contains_encoded_gateway_key(spelling, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rt_",
        "rt_short",
        "start_of_a_very_long_identifier_with_more_than_forty_three_characters",
        "a red art_deco lamp",
        "100% rt_ %",
        "\\u",
        "sk-proj-" + "xrt_" * 40,
        "\u0000\ud800",
    ],
)
def test_text_without_a_key_is_not_refused(text):
    assert not contains_encoded_gateway_key(text, KEY)


def test_random_provider_keys_are_never_taken_for_gateway_keys():
    for _ in range(20_000):
        assert not contains_encoded_gateway_key(f"sk-proj-{secrets.token_urlsafe(120)}", KEY)


def test_part_of_a_short_key_is_not_searched_for():
    assert not contains_gateway_key("a short text", "rt_short")
