"""Tests of patterns: they match what Python's re matches, and no pattern is slow."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.core.safe_regex import PatternError, compiled
from tests.support.cpu_time import cpu_seconds

ATOMS = [
    *("a", "b", "A", "é", " ", "_", ".", "[ab]", "[^a]", "[]a]", r"[a-c\]]", "}", "\n"),
    *(r"\d", r"\w", r"\s", r"\W", r"\n", r"\.", r"\x61", r"é", "^", "$", r"\b", r"\B"),
    *(r"\A", r"\Z"),
]
REPEATS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}", "*?", "+?", "??", "{1,2}?"]


def extended_pattern(inner):
    return st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, inner).map("({0[0]}|{0[1]})".format),
        st.tuples(inner, st.sampled_from(REPEATS)).map("({0[0]}){0[1]}".format),
        inner.map("(?P<name>{})".format),
    )


PATTERNS = st.tuples(
    st.sampled_from(["", "(?i)", "(?s)", "(?is)"]),
    st.recursive(st.sampled_from(ATOMS), extended_pattern, max_leaves=8),
).map("".join)


@given(PATTERNS, st.lists(st.text("abA1_ é\n.", min_size=1, max_size=8), min_size=3, max_size=3))
@settings(max_examples=1_000, deadline=None)
def test_pattern_matches_the_same_texts_as_python_re(pattern, texts):
    try:
        python_pattern = re.compile(pattern)
    except re.error:
        with pytest.raises(PatternError, match="is not a valid pattern"):
            compiled(pattern)
        return
    pattern_under_test = compiled(pattern)
    for text in texts:
        assert pattern_under_test.search(text) == bool(python_pattern.search(text)), text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 32_767 + "!"),
        ("(a|a)*[^a]b", "a" * 32_767 + "!"),
        ("(a|aa)*" * 12 + "c", "a" * 32_768),
        ("a*a*a*a*a*a*b", "a" * 32_768),
        (r"(?:\w+\s*){20}!", "ab cd " * 5_400),
        ("(.*)*x(.*)*y(.*)*z", "xy" * 16_384),
        ("(?:a|b)*a(?:a|b){60}c", "aababbabaabbbab" * 2_180),
    ],
)
def test_hostile_pattern_is_searched_in_linear_time(pattern, text):
    assert compiled(pattern).search(text) is False
    # A backtracking search would practically never end.
    assert cpu_seconds(lambda: compiled(pattern).search(text), 10) < 10


@pytest.mark.parametrize(
    "pattern",
    [
        *("(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<n>a)(?P=n)", "a*+", "a++"),
        *("(?>a)", "(?i:a)", "a(?#c)b", "(?x)a", "(?m)^a", "(?L)a", "(a)(?(1)b|c)"),
        *(r"\N{DIGIT ONE}", r"\101", "a{2}+", "a{2,}+b", "a?+"),
    ],
)
def test_backtracking_syntax_raises_pattern_error(pattern):
    with pytest.raises(PatternError, match=r"is not offered|is not a valid pattern"):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is not a valid pattern"),
        ("[a", "is not a valid pattern"),
        ("a**", "is not a valid pattern"),
        ("a{9999999999999}", "is not a valid pattern"),
        ("a" * 257, "is longer than 256 characters"),
        ("a{257}", "stands for more than 256 characters"),
        ("a{1,257}", "stands for more than 256 characters"),
        ("((a{9}){9}){9}", "stands for more than 256 characters"),
        ("(?:){4294967290}", "stands for more than 256 characters"),
        ("a{999999999}", "stands for more than 256 characters"),
    ],
)
def test_pattern_over_its_limits_raises_pattern_error(pattern, message):
    with pytest.raises(PatternError) as exc_info:
        compiled(pattern)
    assert message in str(exc_info.value)


def test_pattern_at_its_limits_is_accepted():
    assert compiled("a{256}").search("a" * 256)
    assert not compiled("a{256}").search("a" * 255)
    assert compiled("(" * 127 + "a" + ")" * 127).search("a")
    assert compiled("a" * 256).search("b" + "a" * 256)


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("^a{1,2}$", "aa", True),
        ("^a{1,2}$", "aaa", False),
        ("^a{2,}$", "a", False),
        ("^a{,2}$", "aaa", False),
        ("a$", "a\n", True),
        ("a$", "a\n\n", False),
        (r"a\Z", "a\n", False),
    ],
)
def test_anchor_and_repetition_count_decide_match(pattern, text, is_match):
    assert compiled(pattern).search(text) is is_match


def test_pattern_cache_stays_within_its_limit():
    pattern = compiled("(?:a|b)*a(?:a|b){40}c")
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 2_000))) + "aababbabaabbbab" * 200
    assert pattern.search(text) is False
    caches = (pattern._reached, pattern._moved, pattern._reads)
    assert all(0 < len(cache) <= 512 for cache in caches)
