"""Tests of the recognition of gateway keys in texts."""

import base64
import html
import quopri
import random
import secrets
import time
from urllib.parse import quote

import pytest

from retouch.core.credentials.gateway_keys import contains_gateway_key, contains_plain_key
from tests.support.cpu_time import cpu_seconds

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
    "HTML entities": "".join(f"&#{ord(character)};" for character in KEY),
    "HTML entities in hexadecimal": html.escape(KEY).replace("_", "&#x5f;"),
    "a mail": quopri.encodestring(KEY.encode(), quotetabs=True).decode().replace("_", "=5F"),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"??>{KEY}".encode()).decode(),
    "base64 without padding": base64.b64encode(f"u:{KEY}".encode()).decode().rstrip("="),
    "base64 in lines": base64.encodebytes(f"user:{KEY} and more".encode() * 3).decode(),
    "base64 of upper case": base64.b64encode(KEY.upper().encode()).decode(),
    "base64 in a sentence": f"use x{base64.b64encode(KEY.encode()).decode()}, please",
    "base64 in a data URL": f"data:text/plain;base64,{base64.b64encode(KEY.encode()).decode()}",
    "base64 with escapes": quote(base64.b64encode(f"x:{KEY}".encode()).decode()),
    "hexadecimal": KEY.encode().hex(),
    "upper-case hexadecimal": f"x'{KEY.encode().hex().upper()}'",
    "hexadecimal dump": KEY.encode().hex(" "),
    "hexadecimal with colons": KEY.encode().hex(":"),
    "hexadecimal with hyphens": f"a{KEY.encode().hex('-')}",
    "C escapes": "".join(f"\\x{ord(character):02x}" for character in KEY),
    "C array": ", ".join(f"0x{ord(character):02X}" for character in KEY),
}
PIECES = {
    "spaces": " ".join(KEY),
    "lines": "\n".join((KEY[:20], KEY[20:])),
    "invisible spaces": "\u200b".join(KEY),
    "soft hyphens": "\u00ad".join((KEY[:10], KEY[10:30], KEY[30:])),
    "base64 twice": base64.b64encode(base64.b64encode(f"ab{KEY}".encode())).decode(),
}


@pytest.mark.parametrize("text", PIECES.values(), ids=PIECES)
def test_own_key_is_found_in_pieces_and_in_base64_of_base64(text):
    assert contains_gateway_key(text, KEY)


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
        assert contains_gateway_key(spelling, KEY)


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
    assert not contains_gateway_key(text, KEY)


def test_random_provider_keys_are_never_taken_for_gateway_keys():
    for _ in range(20_000):
        assert not contains_gateway_key(f"sk-proj-{secrets.token_urlsafe(120)}", KEY)


def test_random_base64_and_hexadecimal_are_never_taken_for_gateway_keys():
    for _ in range(300):
        data = secrets.token_bytes(3000)
        assert not contains_gateway_key(base64.b64encode(data).decode(), KEY)
        assert not contains_gateway_key(data.hex(), KEY)


@pytest.mark.parametrize("text", ["word " * 6400, "cnRf/" * 6400, "7274" * 8000, "%25" * 10_000])
def test_longest_text_is_searched_quickly(text):
    started_at = time.process_time()
    assert not contains_gateway_key(text, KEY)
    assert time.process_time() - started_at < 1


def test_megabyte_of_base64_is_searched_quickly_and_a_key_in_it_is_found():
    data = random.Random(1).randbytes(750_000) + b"rT_ rt_"
    text = base64.b64encode(data).decode()
    assert cpu_seconds(lambda: contains_gateway_key(text, KEY), 0.3) < 0.3
    assert contains_gateway_key(base64.b64encode(data + b" " + OTHER.encode()).decode(), KEY)


def test_part_of_a_short_key_is_not_searched_for():
    assert not contains_gateway_key("a short text", "rt_short")


def test_plain_key_is_found_and_packed_one_is_not():
    assert contains_plain_key(f"Bearer RT_{KEY[3:]}")
    assert not contains_plain_key(base64.b64encode(KEY.encode()).decode())
