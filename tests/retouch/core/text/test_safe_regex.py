"""Tests of patterns: which are accepted, what they match, and that no pattern is slow."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retouch.core.text.regex_syntax import PatternError
from retouch.core.text.safe_regex import LONGEST_TEXT, compile_pattern
from tests.support.cpu_time import cpu_seconds

ROOT = Path(__file__).parents[4]
RARE_LETTERS = "".join(
    f"{chr(code)}-{chr(code + 0x1234)}" for code in range(0x10041, 0x10E000, 0x1FC3)
)
TOO_LARGE_PATTERN = f"[^{RARE_LETTERS[: 3 * 75]}]{{250}}"
SPACES = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# Each atom, and the pattern of Python's re that matches the same characters (with re.ASCII).
ATOMS = [
    *(
        (same, same)
        for same in ("a", "b", "A", "é", " ", "_", "[ab]", "[^a]", r"[a-c\]]", "}", "\n")
    ),
    *((same, same) for same in (r"\d", r"\w", r"\W", r"\n", r"\.", r"\x61", r"\u00e9", "^", r"\A")),
    *((same, same) for same in (r"\b", r"\Z", r"[\w.]", "[^é]", r"[\b]", r"[-a]")),
    (r"\B", r"(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))"),  # Python: not in an empty text
    (".", r"[^\n\r\u2028\u2029]"),
    ("$", r"\Z"),
    (r"\s", f"[{SPACES}]"),
    (r"[^\s]", f"[^{SPACES}]"),
    ("[]a]", "(?!)a]"),
    ("[^]", r"[\s\S]"),
    (r"\/", "/"),
    ("{,2}", r"\{,2\}"),
]
REPEATS = ["*", "+", "?", "{2}", "{1,2}", "{1,}", "{0}", "*?", "+?", "??", "{1,2}?"]


def fill_for_both_engines(template, *parts):
    """Return the template filled with the patterns for both engines."""
    return tuple(template.format(*side) for side in zip(*parts, strict=True))


def extended_pattern(inner):
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: fill_for_both_engines("{}" * len(parts), *parts)
        ),
        st.tuples(inner, inner).map(lambda parts: fill_for_both_engines("(?:{}|{})", *parts)),
        st.tuples(inner, inner).map(lambda parts: fill_for_both_engines("({}|{})", *parts)),
        st.tuples(inner, st.sampled_from(REPEATS)).map(
            lambda parts: fill_for_both_engines("({}){}", parts[0], (parts[1], parts[1]))
        ),
        inner.map(lambda part: fill_for_both_engines("(?<name>{})", part)),
    )


PATTERNS = st.recursive(st.sampled_from(ATOMS), extended_pattern, max_leaves=8)


@given(PATTERNS, st.lists(st.text("abA1_ é\n\r.", max_size=8), min_size=3, max_size=3))
@settings(max_examples=1_000, deadline=None)
def test_pattern_matches_the_same_texts_as_equivalent_pattern_of_python_re(patterns, texts):
    pattern, python_pattern = patterns
    if pattern.count("(?<name>") > 1:
        with pytest.raises(PatternError, match="is not a valid pattern"):
            compile_pattern(pattern)
        return
    pattern_under_test = compile_pattern(pattern)
    reference = re.compile(python_pattern.replace("(?<name>", "(?:"), re.ASCII)
    for text in texts:
        assert pattern_under_test.search(text) == bool(reference.search(text)), text


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
        (r"[一-瀀]\S{250}c", "漢字一丁七万丈三" * (LONGEST_TEXT // 8)),
    ],
)
def test_hostile_pattern_is_searched_in_linear_time(pattern, text):
    assert compile_pattern(pattern).search(text) is False
    # A backtracking search would practically never end.
    assert cpu_seconds(lambda: compile_pattern(pattern).search(text), 2) < 2


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a(?=b)", "uses a lookahead, '(?=', which is not offered: split the pattern"),
        ("a(?!b)", "uses a lookahead, '(?!', which is not offered: split the pattern"),
        ("(?<=a)b", "uses a lookbehind, '(?<=', which is not offered: split the pattern"),
        ("(?<!a)b", "uses a lookbehind, '(?<!', which is not offered: split the pattern"),
        (r"(a)\1", r"uses a back reference, '\\1', which is not offered: write the repeated part"),
        (r"(?<n>a)\k<n>", "uses a back reference"),
        ("(?P<n>a)(?P=n)", "uses a back reference"),
        ("a*+", "uses a possessive quantifier, '+', which is not offered: leave out the second"),
        ("a++", "uses a possessive quantifier"),
        ("a?+", "uses a possessive quantifier"),
        ("a{2}+", "uses a possessive quantifier"),
        ("a{2,}+b", "uses a possessive quantifier"),
        ("(?>a)", "uses an atomic group, '(?>', which is not offered: write '(?:' instead"),
        ("(a)(?(1)b|c)", "uses a conditional group"),
        ("(?i:a)", "uses a special group, '(?i:', which is not offered: use '(', '(?:'"),
        ("a(?#c)b", "uses a special group"),
        ("(?x)a", "uses a special group"),
        ("(?m)^a", "uses a special group"),
        ("(?L)a", "uses a special group"),
        ("a(?i)b", "uses a special group"),
        (r"\p{L}", "uses a Unicode property, '\\\\p', which is not offered: write a class"),
        (r"\N{DIGIT ONE}", r"write \xXX, \uXXXX or the character itself"),
        (r"\u{1F600}", r"write \xXX, \uXXXX or the character itself"),
        (r"\U0001F600", r"write \xXX, \uXXXX or the character itself"),
        (r"\101", "uses a back reference"),
        (r"\012", r"write \xXX, \uXXXX or the character itself"),
        (r"\a", "uses an escape, '\\\\a', which is not offered: leave out the backslash"),
    ],
)
def test_unsupported_syntax_raises_pattern_error_with_remedy(pattern, sentence):
    with pytest.raises(PatternError) as exc_info:
        compile_pattern(pattern)
    assert sentence in str(exc_info.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is not a valid pattern: a '(' has no ')'"),
        ("a)", "is not a valid pattern: a ')' has no '('"),
        ("[a", "is not a valid pattern: a '[' has no ']'"),
        ("a\\", "is not a valid pattern: a backslash ends it"),
        ("a**", "is not a valid pattern: '*' has nothing to repeat"),
        ("^{2}", "is not a valid pattern: '{2}' has nothing to repeat"),
        ("a{2,1}", "is not a valid pattern: the numbers of '{2,1}' are out of order"),
        ("[b-a]", "is not a valid pattern: the ends of a range are out of order"),
        ("(?<a>)(?<a>)", "is not a valid pattern: the group name 'a'"),
        (r"\ud800", "is not a valid pattern: half of a surrogate pair"),
        ("[\ud800]", "is not a valid pattern: half of a surrogate pair"),
        ("a" * 257, "is longer than 256 characters"),
        ("a{9999999999999}", "stands for more than 256 characters"),
        ("a{257}", "stands for more than 256 characters"),
        ("a{257,}", "stands for more than 256 characters"),
        ("a{1,257}", "stands for more than 256 characters"),
        ("((a{9}){9}){9}", "stands for more than 256 characters"),
        ("(?:){4294967290}", "stands for more than 256 characters"),
        ("a{999999999}", "stands for more than 256 characters"),
    ],
)
def test_pattern_over_its_limits_raises_pattern_error(pattern, message):
    with pytest.raises(PatternError) as exc_info:
        compile_pattern(pattern)
    assert message in str(exc_info.value)


def test_pattern_that_needs_too_much_memory_raises_pattern_error():
    with pytest.raises(PatternError, match="needs too much memory: write smaller classes"):
        compile_pattern(TOO_LARGE_PATTERN)


def test_pattern_at_its_limits_is_accepted():
    assert compile_pattern("a{256}").search("a" * 256)
    assert not compile_pattern("a{256}").search("a" * 255)
    assert compile_pattern("(" * 127 + "a" + ")" * 127).search("a")
    assert compile_pattern("a" * 256).search("b" + "a" * 256)


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("^a{1,2}$", "aa", True),
        ("^a{1,2}$", "aaa", False),
        ("^a{2,}$", "a", False),
        ("^a{,2}$", "aaa", False),
        ("a$", "a\n", False),
        ("a$", "a\n\n", False),
        (r"a\Z", "a", True),
        (r"a\Z", "a\n", False),
        (r"\Aa", "ba", False),
    ],
)
def test_anchor_and_repetition_count_decide_match(pattern, text, is_match):
    assert compile_pattern(pattern).search(text) is is_match


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("(?i)GPT.image", "gpt-IMAGE", True),
        ("(?i)É", "é", True),
        ("(?i)[^é]", "É", False),
        ("(?i)a.b", "A\nB", False),
        ("(?s)a.b", "a\nb", True),
        ("(?s)a.b", "A\nb", False),
        ("(?is)a.b", "A\nB", True),
        ("(?si)a.b", "A\u2028B", True),
        (r"(?i)\B\d", "é1", False),
        (r"(?i)\Bé", "aé", False),
        (r"(?i)\BÉ", "éé", True),
        ("(?P<name>a)b", "ab", True),
    ],
)
def test_leading_flags_and_python_group_names_are_accepted(pattern, text, is_match):
    assert compile_pattern(pattern).search(text) is is_match


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("^.$", "😀", True),  # JavaScript without the flag u: two characters
        ("^[😀]$", "😀", True),
        ("^[^a]$", "😀", True),
        ("[😀]", "😁", False),  # JavaScript without the flag u: a half of the pair is found
        (r"[\uD83D\uDE00-\uD83D\uDE02]", "😁", True),
    ],
)
def test_character_outside_basic_plane_is_one_character(pattern, text, is_match):
    assert compile_pattern(pattern).search(text) is is_match


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [("a.b", "a\ud800b", True), ("a[^b]", "a\udfff", True), ("[?]", "\ud800", False)],
)
def test_half_of_a_surrogate_pair_in_text_is_one_other_character(pattern, text, is_match):
    assert compile_pattern(pattern).search(text) is is_match


def test_nul_character_in_text_does_not_end_it():
    assert compile_pattern("b$").search("a\0b")
    assert compile_pattern(r"a\0b").search("a\0b")


def test_several_threads_use_one_pattern_at_once():
    pattern = compile_pattern("(?:a|b)*a(?:a|b){40}c")
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 2_000))) + "aababbabaabbbab" * 200
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(pattern.search(text))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [False] * 8


def test_re2_is_loaded_by_the_first_pattern_only():
    code = (
        "import sys; from retouch.core.text.safe_regex import compile_pattern\n"
        "assert 're2' not in sys.modules; compile_pattern('a'); assert 're2' in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/retouch"), "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_re2_writes_nothing_to_standard_error(capfd):
    with pytest.raises(PatternError):
        compile_pattern(TOO_LARGE_PATTERN)
    compile_pattern("(?:a|b)*a[ab]{200}c").search("aababbabaabbbab" * 2_180)
    assert capfd.readouterr() == ("", "")
