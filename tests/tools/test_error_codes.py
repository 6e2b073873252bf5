"""Tests of the page of error codes: its facts come from the code, and every code has a text."""

import json

import pytest

from tools.error_codes import PACKAGE, CodeFacts, code_facts
from tools.error_texts import TEXTS
from tools.errors_table import errors_table

CONTRACT = json.loads((PACKAGE / "api" / "openapi.json").read_bytes())


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("insufficient_quota", CodeFacts(429, "provider", "no", "no")),
        ("concurrency_limit_exceeded", CodeFacts(429, "client", "yes", "no")),
        ("plan_not_understood", CodeFacts(400, "client", "no", "yes")),
        ("provider_circuit_open", CodeFacts(503, "provider", "the SDK decides", "no")),
        ("result_not_fetched", CodeFacts(502, "provider", "no", "unknown")),
        ("provider_credentials", CodeFacts(500, "gateway", "no", "no")),
        ("empty_body", CodeFacts(400, "client", "no", "no")),
    ],
)
def test_facts_of_a_code_are_those_of_the_source(code, facts):
    assert code_facts()[code] == {facts}


def test_every_code_of_the_contract_has_a_text_and_a_row():
    codes = CONTRACT["components"]["schemas"]["Code"]["enum"]
    assert set(TEXTS) == set(codes)
    table = errors_table()
    assert [code for code in codes if f"| `{code}` |" not in table] == []


def test_texts_of_error_codes_end_with_a_full_stop():
    texts = [text for pair in TEXTS.values() for text in pair]
    assert [text for text in texts if not text.endswith(".") or "|" in text] == []
