"""Tests of the caller's idempotency key."""

import pytest

from retouch.core.errors import InvalidRequest
from retouch.orders.idempotency_key import parse_idempotency_key

UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'"{UUID}"', UUID),
        (UUID, UUID),
        (f"  {UUID}\t", UUID),
        (r'"a\"b\\c"', 'a"b\\c'),
        ('"a,b"', "a,b"),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
        ("order:4711/[2]", "order:4711/[2]"),
    ],
)
def test_quoted_and_bare_key_is_accepted(text, key):
    assert parse_idempotency_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", '""', "x" * 256, '"' + "x" * 256 + '"'),
        *("a b", '"a b"', "a\nb", "a\r\n", "ä", "a,b", '"a", "b"', '"a', r'"a\b"'),
        *(None, 7, True),
    ],
)
def test_other_key_is_refused(text):
    with pytest.raises(InvalidRequest) as raised:
        parse_idempotency_key(text)
    assert raised.value.code == "invalid_idempotency_key"
    assert raised.value.param == "Idempotency-Key"
    assert raised.value.status == 400
