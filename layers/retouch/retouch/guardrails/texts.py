"""Checks of the request's text and of its metadata, by Portkey's names and with its parameters.

Facts from Portkey-AI/gateway, plugins/default (manifest.json, contains.ts, metadata.ts, requiredMetadataKeys.ts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import normalize

from retouch.guardrails.model import CheckError, Finding, Subject, Test, Tools
from retouch.guardrails.ranges import read_range
from retouch.guardrails.readings import holds, readings
from retouch.regex import LONGEST_TEXT, PatternError, compiled
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader

_MOST_WORDS = 200
_LONGEST_WORD = 200
_OPERATORS = ("any", "all", "none")


def character_count(read: Reader) -> Test:
    """minCharacters, maxCharacters, not."""
    return _count(read, "Characters", len)


def word_count(read: Reader) -> Test:
    """minWords, maxWords, not: words are what white space parts."""
    return _count(read, "Words", lambda text: len(text.split()))


def _count(read: Reader, what: str, count: Callable[[str], int]) -> Test:
    wanted = read_range(read, f"min{what}", f"max{what}", 10_000_000)
    negated = read.flag("not")
    if not wanted:
        raise InvalidConfig(read.path, f"needs min{what} or max{what}")

    def test(subject: Subject, _tools: Tools) -> Finding:
        found = count(subject.text)
        rule = f"must{' not' if negated else ''} have {wanted}"
        return Finding(
            (found in wanted) != negated,
            f"The text has {found} {what.lower()}; it {rule}.",
            {f"{what.lower()[:-1]}Count": found},
        )

    return test


def contains(read: Reader) -> Test:
    """words, operator (any, all, none), not, ignoreCase. A word is found anywhere, inside other words too."""
    ignore = read.flag("ignoreCase")
    words = {word: readings(word, ignore) for word in _texts(read, "words")}
    operator, negated = read.word("operator", _OPERATORS, "any"), read.flag("not")

    def test(subject: Subject, _tools: Tools) -> Finding:
        text = readings(subject.text, ignore)
        found = [word for word, read_as in words.items() if holds(text, read_as)]
        return Finding(
            _holds(operator, len(found), len(words)) != negated,
            f"The text contains {len(found)} of {len(words)} words; {_rule(operator, negated)}.",
            {"foundWords": found},
        )

    return test


def regex_match(read: Reader) -> Test:
    """rule (or regex), not: whether the pattern is found anywhere in a reading of the text."""
    texts = [text for text in (read.text("rule"), read.text("regex")) if text]
    negated = read.flag("not")
    if len(texts) != 1:
        raise InvalidConfig(read.path, "needs 'rule' (or 'regex', which means the same)")
    try:
        pattern = compiled(normalize("NFC", texts[0]))
    except PatternError as wrong:
        raise InvalidConfig(f"{read.path}.rule", str(wrong)) from None

    def test(subject: Subject, _tools: Tools) -> Finding:
        tried = set(readings(subject.text))
        if max(map(len, tried)) > LONGEST_TEXT:
            raise CheckError(
                f"Patterns are tried on texts of at most {LONGEST_TEXT} characters. Send a shorter one."
            )
        found = any(map(pattern.search, tried))
        rule = "must not" if negated else "must"
        return Finding(
            found != negated,
            f"The text {'matches' if found else 'does not match'} the pattern; it {rule}.",
            {"regexPattern": texts[0]},
        )

    return test


def required_metadata_keys(read: Reader) -> Test:
    """metadataKeys, operator (all, any, none)."""
    keys = _texts(read, "metadataKeys")
    operator = read.word("operator", _OPERATORS, "all")

    def test(subject: Subject, _tools: Tools) -> Finding:
        found = [key for key in keys if key in subject.metadata]
        return Finding(
            _holds(operator, len(found), len(keys)),
            f"The metadata have {len(found)} of {len(keys)} keys; {_rule(operator, False)}: {', '.join(keys)}.",
            {
                "found_metadata_keys": found,
                "missing_metadata_keys": [key for key in keys if key not in found],
            },
        )

    return test


def metadata(read: Reader) -> Test:
    """pairs (key to text), operator (all, any, none), not."""
    pairs: dict[str, Any] = dict(read.mapping("pairs") or {})
    operator, negated = read.word("operator", _OPERATORS, "all"), read.flag("not")
    if not pairs or not all(isinstance(value, str) for value in pairs.values()):
        raise InvalidConfig(f"{read.path}.pairs", "must be an object of texts, and not empty")

    def test(subject: Subject, _tools: Tools) -> Finding:
        found = [key for key, value in pairs.items() if subject.metadata.get(key) == value]
        return Finding(
            _holds(operator, len(found), len(pairs)) != negated,
            f"The metadata have {len(found)} of {len(pairs)} pairs; {_rule(operator, negated)}.",
            {"foundKeys": found, "missingKeys": [key for key in pairs if key not in found]},
        )

    return test


def _texts(read: Reader, name: str) -> Sequence[str]:
    found = read.texts(name)
    if not 1 <= len(found) <= _MOST_WORDS or not all(1 <= len(w) <= _LONGEST_WORD for w in found):
        raise InvalidConfig(
            f"{read.path}.{name}",
            f"must be 1 to {_MOST_WORDS} texts of 1 to {_LONGEST_WORD} characters",
        )
    return found


def _holds(operator: str, found: int, of: int) -> bool:
    return {"any": found > 0, "all": found == of, "none": found == 0}[operator]


def _rule(operator: str, negated: bool) -> str:
    return f"{operator} of them must be there" + (", and this is turned around" if negated else "")
