"""Readings: what people see is found, whatever characters it is made of, and what they do not see is not lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.guardrails.readings import holds, readings
from tests.support.effort import effort


def found(text, word, ignore_case=False):
    return holds(readings(text, ignore_case), readings(word, ignore_case))


@pytest.mark.parametrize(
    ("text", "sent", "plain", "bare"),
    [
        ("Sky blue", "Sky blue", "Sky blue", "Sky blue"),
        ("a \t\n b", "a \t\n b", "a \t\n b", "a b"),
        ("e\u0301", "e\u0301", "é", "e"),
        ("e\u200b\u0301", "e\u200b\u0301", "é", "e"),
        ("ﬁn ⑦", "ﬁn ⑦", "fin 7", "fin 7"),
        ("и\u0306", "и\u0306", "й", "и"),
        ("한국", "한국", "한국", "한국"),
        ("हिन्दु", "हिन्दु", "हिन्दु", "हिन्दु"),
        ("น้ำ", "น้ำ", "น\u0e49\u0e4d\u0e32", "น\u0e49\u0e4d\u0e32"),
        ("が", "が", "が", "が"),
        ("a\u3164b", "a\u3164b", "ab", "ab"),
    ],
    ids=ascii,
)
def test_the_three(text, sent, plain, bare):
    assert readings(text) == (sent, plain, bare)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("STRASSE", "straße"),
        ("İSTANBUL", "istanbul"),
        ("ℙassport", "passport"),
        ("ⓅＡ𝐒SPORT", "passport"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ],
)
def test_case_is_folded_where_asked(text, word):
    assert found(text, word, ignore_case=True)
    assert found(word, text, ignore_case=True)
    assert not found(text, word)


def test_white_space_of_any_kind_is_one_space():
    assert found("a bank \u00a0\n note", "bank note")
    assert not found("a banknote", "bank note")


def test_a_word_nobody_can_see_is_not_in_every_text():
    assert not found("sky", "\u200b")
    assert not found("sky", "\u0301")
    assert found("s\u200bky", "\u200b")


@given(st.text(max_size=8), st.text(min_size=1, max_size=8), st.text(max_size=8), st.booleans())
def test_what_is_there_is_found(before, word, after, ignore_case):
    assert found(before + word + after, word, ignore_case)


@given(
    st.text(max_size=20),
    st.text("\u200b\u00ad\u2060\ufeff\u180e\ufe0f\u034f", max_size=3),
    st.booleans(),
)
def test_hidden_characters_change_nothing(text, hidden, ignore_case):
    apart = hidden.join(text)
    assert readings(apart, ignore_case)[1:] == readings(text, ignore_case)[1:]


@pytest.mark.parametrize(
    "text",
    ["a" + "\u0301" * 20_000 + "\u0316" * 20_000, "\u0301\u0316" * 20_000, "é\u200b" * 20_000],
    ids=["heap", "mixed", "usual"],
)
def test_no_text_takes_long(text):
    assert effort(lambda: readings(text, ignore_case=True), 1) < 1
