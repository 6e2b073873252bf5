"""Tests of JSON that is not valid: what is read, what is not, and how long that takes."""

import contextlib
import json
import time

import pytest

from retouch.core.provider_protocol import ProviderResponse
from retouch.core.text.lenient_json import parse_invalid_json

ANSWER = {"created": 1, "data": [{"b64_json": "iVBORw0KGgo=", "revised_prompt": "a, b,] ü"}]}
TEXT = json.dumps(ANSWER, ensure_ascii=False)
HEAD = '{"created": 1, "data": [{"b64_json": "iVBORw0KGgo=", "revised_prompt": "a, b,] ü"'
BODIES = {
    "utf-8 with a mark": TEXT.encode("utf-8-sig"),
    "utf-16": TEXT.encode("utf-16"),
    "utf-16 little-endian without a mark": TEXT.encode("utf-16-le"),
    "utf-16 big-endian without a mark": TEXT.encode("utf-16-be"),
    "utf-32": TEXT.encode("utf-32"),
    "trailing commas": (HEAD + ",},\n ],\t}").encode(),
    "anti-hijacking prefix": b")]}',\n" + TEXT.encode(),
    "call of a function": b"callback(" + TEXT.encode() + b");",
    "log line before": b"[INFO] ready {x}\n" + TEXT.encode(),
    "page after": TEXT.encode() + b"<html><body>{oops</body></html>",
    "zero bytes after": TEXT.encode() + bytes(100),
    "second copy": TEXT.encode() * 2,
    "shorter document before": b'{"status": "working"}\n' + TEXT.encode(),
    "shorter document after": TEXT.encode() + b'\n{"status": "done", "data": []}',
    "longer error after": TEXT.encode() + b'\n{"error": {"message": "%b"}}' % (b"late" * 99),
    "missing brackets": TEXT[:-3].encode(),
    "missing brackets and a trailing comma": (TEXT[:-3] + ", ").encode(),
    "empty duplicate": (HEAD + '}], "data": [], "data": null}').encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_invalid_json_of_success_is_read(name):
    assert ProviderResponse(200, {}, BODIES[name]).json() == ANSWER or name == "empty duplicate"
    assert parse_invalid_json(BODIES[name]) == ANSWER


def test_string_of_json_in_a_success_is_read_as_its_document():
    body = json.dumps(TEXT).encode()
    assert ProviderResponse(200, {}, body).json() == ANSWER
    assert ProviderResponse(400, {}, body).json() == TEXT
    assert ProviderResponse(200, {}, b'"a cat"').json() == "a cat"


@pytest.mark.parametrize("name", ["trailing commas", "utf-16", "page after"])
def test_invalid_json_of_error_is_not_read(name):
    with pytest.raises(ValueError, match=r".+"):
        ProviderResponse(400, {}, BODIES[name]).json()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
        ("1e999", None),
        ("undefined", None),
        ("None", None),
        ("True", True),
        ("False", False),
        ('"None, undefined"', "None, undefined"),
        ("9" * 5000, None),
        ("9" * 30, int("9" * 30)),
        ('"a\tb\n\x01c"', "a\tb\n\x01c"),
        (r'"\ud800"', "\ufffd"),
        (r'"x\udc00y"', "x\ufffdy"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud800,]"', r"\ud800,]"),
    ],
)
def test_value_that_json_does_not_have_is_replaced(text, value):
    parsed = parse_invalid_json(b'{"b64_json": "x", "secondary": %b, }' % text.encode())
    assert parsed == {"b64_json": "x", "secondary": value}
    json.dumps(parsed).encode()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [{"b": 1}, {"b": 2}, {"c": "open', {"a": [{"b": 1}, {"b": 2}, {}]}),
        (b'{"a": 1, "b": ', {"a": 1}),
        (b'{"a": 1, "open na', {"a": 1}),
        (b'{"a": "x", "b": [1, 2, ', {"a": "x", "b": [1, 2]}),
        (b'{"a": "x\\"y", "b": "', {"a": 'x"y'}),
        (b'{"a": "x", "b": "y\\"', {"a": "x"}),
        (b'{"a": "x", "b": "y\\\\"', {"a": "x", "b": "y\\"}),
        (b'{"a": "x", "b": {"c": 175', {"a": "x", "b": {}}),
        (b'{"a": "x", "b": 1.', {"a": "x"}),
        (b'{"a": "x", "b": -', {"a": "x"}),
        (b'{"a": "x", "b": tru', {"a": "x"}),
        (b'{"a": "x", "b": [12, 3', {"a": "x", "b": [12]}),
        (b'{"a": "x", "b": 175 ', {"a": "x", "b": 175}),
    ],
)
def test_text_that_ends_early_is_read_without_its_last_value(body, value):
    assert parse_invalid_json(body) == value


def test_bytes_that_are_no_utf_8_are_replaced():
    assert parse_invalid_json(b'{"a": "\xff", "b": 1}') == {"a": "\ufffd", "b": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"<html></html>", b"[DONE]", b"{", b'{"a": ', b"{'a': 1}", b" " * 5000 + b"{}"],
)
def test_text_without_json_raises_value_error(body):
    with pytest.raises(ValueError, match=r".+"):
        parse_invalid_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 500_000,
        b'"' * 1_000_000 + b"{",
        b'{"a": "' + b"\\" * 1_000_001,
        b"{" + b"," * 1_000_000,
        b'{"a": 1' + b" " * 1_000_000 + b",",
        b"{}" * 500_000,
        b'{"a": ' + b"9" * 1_000_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_hostile_text_takes_linear_time(body):
    started = time.process_time()
    with contextlib.suppress(ValueError):
        parse_invalid_json(body)
    assert time.process_time() - started < 5
