"""Cutting long base64 out of JSON changes nothing but the time it takes."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.longjson import loads

LONG = "QUJD" * 20_000
WHOLE = st.integers(-(2**53), 2**53)
ANYTHING = st.recursive(
    st.text() | WHOLE | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    "document",
    [
        {"data": [{"b64_json": LONG}, {"b64_json": LONG + "=="}, {"b64_json": "AA=="}]},
        {"b64_json": LONG + '\\"'},
        {"b64_json": LONG + "\\n"},
        {"message": f'"b64_json":"{LONG}"'},
        {"b64_json": [LONG], "other": LONG},
        {"b64_json": None, "x": {"b64_json": LONG}},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", ":\n")])
def test_the_document_is_the_same(document, separators):
    body = json.dumps(document, separators=separators).encode()
    assert loads(body) == json.loads(body)


@given(ANYTHING)
def test_any_document(document):
    body = orjson.dumps({"before": document, "b64_json": LONG, "after": document})
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
def test_no_json_is_a_value_error(body):
    with pytest.raises(ValueError, match=r".+"):
        loads(body)
