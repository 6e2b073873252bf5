"""Tests that cutting long base64 out of JSON changes only the time of parsing."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.core.text.fast_json import loads

LONG_BASE64 = "QUJD" * 20_000
JSON_INTEGERS = st.integers(-(2**53), 2**53)
JSON_VALUES = st.recursive(
    st.text() | JSON_INTEGERS | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "document",
    [
        {
            "data": [
                {"b64_json": LONG_BASE64},
                {"b64_json": LONG_BASE64 + "=="},
                {"b64_json": "AA=="},
            ]
        },
        {"b64_json": LONG_BASE64 + '\\"'},
        {"b64_json": LONG_BASE64 + "\\n"},
        {"message": f'"b64_json":"{LONG_BASE64}"'},
        {"b64_json": [LONG_BASE64], "other": LONG_BASE64},
        {"b64_json": None, "x": {"b64_json": LONG_BASE64}},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", ":\n")])
def test_document_with_long_base64_is_parsed_unchanged(document, separators):
    body = json.dumps(document, separators=separators).encode()
    assert loads(body) == json.loads(body)


@given(JSON_VALUES)
def test_any_document_is_parsed_unchanged(document):
    body = orjson.dumps({"before": document, "b64_json": LONG_BASE64, "after": document})
    assert loads(body) == orjson.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"b64_json":"' + b"A" * 70_000,
        b"<html>" + b"x" * 70_000,
        b'{"b64_json":"' + b"\xff" * 70_000 + b'"}',
        b'{"b64_json":1' + b" " * 70_000 + b'"}',
    ],
)
def test_invalid_json_raises_value_error(body):
    with pytest.raises(ValueError, match=r".+"):
        loads(body)
