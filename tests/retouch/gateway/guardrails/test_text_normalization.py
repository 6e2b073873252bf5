"""Tests of normalized text variants: visible text matches in any characters, and hidden characters are not lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.gateway.guardrails.text_normalization import has_word, normalized_variants
from tests.support.cpu_time import cpu_seconds


def has_match(text, word, ignore_case=False):
    return has_word(normalized_variants(text, ignore_case), normalized_variants(word, ignore_case))


@pytest.mark.parametrize(
    ("text", "original", "normalized", "without_accents"),
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
def test_text_has_original_normalized_and_accentless_variant(
    text, original, normalized, without_accents
):
    assert normalized_variants(text) == (original, normalized, without_accents)


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
def test_case_is_ignored_when_requested(text, word):
    assert has_match(text, word, ignore_case=True)
    assert has_match(word, text, ignore_case=True)
    assert not has_match(text, word)


def test_any_white_space_matches_one_space():
    assert has_match("a bank \u00a0\n note", "bank note")
    assert not has_match("a banknote", "bank note")


def test_invisible_word_is_found_only_where_present():
    assert not has_match("sky", "\u200b")
    assert not has_match("sky", "\u0301")
    assert has_match("s\u200bky", "\u200b")


@given(st.text(max_size=8), st.text(min_size=1, max_size=8), st.text(max_size=8), st.booleans())
def test_contained_word_is_found(before, word, after, ignore_case):
    assert has_match(before + word + after, word, ignore_case)


@given(
    st.text(max_size=20),
    st.text("\u200b\u00ad\u2060\ufeff\u180e\ufe0f\u034f", max_size=3),
    st.booleans(),
)
def test_hidden_characters_do_not_change_normalized_variants(text, hidden, ignore_case):
    with_hidden = hidden.join(text)
    assert (
        normalized_variants(with_hidden, ignore_case)[1:]
        == normalized_variants(text, ignore_case)[1:]
    )


@pytest.mark.parametrize(
    "text",
    ["a" + "\u0301" * 20_000 + "\u0316" * 20_000, "\u0301\u0316" * 20_000, "é\u200b" * 20_000],
    ids=["heap", "mixed", "usual"],
)
def test_hostile_text_is_normalized_within_one_second(text):
    assert cpu_seconds(lambda: normalized_variants(text, ignore_case=True), 1) < 1
