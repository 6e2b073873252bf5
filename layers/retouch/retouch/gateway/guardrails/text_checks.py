"""Checks of the request's text and metadata, with Portkey's names and parameters.

Source: Portkey-AI/gateway, plugins/default (manifest.json, contains.ts, metadata.ts, requiredMetadataKeys.ts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import normalize

from retouch.core.text.regex_syntax import PatternError
from retouch.core.text.safe_regex import LONGEST_TEXT, PatternTimeExceeded, compile_pattern
from retouch.gateway.config_reader import ConfigReader, InvalidConfig
from retouch.gateway.guardrails.config import read_range
from retouch.gateway.guardrails.text_normalization import has_word, normalized_variants
from retouch.gateway.guardrails.types import (
    CheckError,
    CheckFunction,
    CheckResult,
    GuardrailClients,
    GuardrailInput,
)

_MAX_WORDS = 200
_MAX_WORD_LENGTH = 200
_OPERATORS = ("any", "all", "none")


def character_count_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the number of characters. Parameters: minCharacters, maxCharacters, not."""
    return _count_check(reader, "Characters", len)


def word_count_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the number of words, separated by white space. Parameters: minWords, maxWords, not."""
    return _count_check(reader, "Words", lambda text: len(text.split()))


def _count_check(
    reader: ConfigReader, unit: str, count_units: Callable[[str], int]
) -> CheckFunction:
    allowed_count = read_range(reader, f"min{unit}", f"max{unit}", 10_000_000)
    negated = reader.flag("not")
    if not allowed_count:
        raise InvalidConfig(reader.path, f"needs min{unit} or max{unit}")

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        total = count_units(guardrail_input.text)
        rule = f"must{' not' if negated else ''} have {allowed_count}"
        return CheckResult(
            (total in allowed_count) != negated,
            f"The text has {total} {unit.lower()}; it {rule}.",
            {f"{unit.lower()[:-1]}Count": total},
        )

    return check


def contains_check(reader: ConfigReader) -> CheckFunction:
    """Build the word search. Parameters: words, operator (any, all, none), not, ignoreCase.

    The search finds a word anywhere in the text, also inside another word.
    """
    ignore_case = reader.flag("ignoreCase")
    words = {word: normalized_variants(word, ignore_case) for word in _read_texts(reader, "words")}
    operator, negated = reader.choice("operator", _OPERATORS, "any"), reader.flag("not")

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        text = normalized_variants(guardrail_input.text, ignore_case)
        found_words = [
            word for word, word_variants in words.items() if has_word(text, word_variants)
        ]
        return CheckResult(
            _matches_operator(operator, len(found_words), len(words)) != negated,
            f"The text contains {len(found_words)} of {len(words)} words; {_operator_rule(operator, negated)}.",
            {"foundWords": found_words},
        )

    return check


def regex_match_check(reader: ConfigReader) -> CheckFunction:
    """Build the pattern search.

    Parameters: rule (or regex), not. The pattern may match anywhere in a variant of the text.
    """
    pattern_texts = [text for text in (reader.text("rule"), reader.text("regex")) if text]
    negated = reader.flag("not")
    if len(pattern_texts) != 1:
        raise InvalidConfig(reader.path, "needs 'rule' (or 'regex', which means the same)")
    try:
        pattern = compile_pattern(normalize("NFC", pattern_texts[0]))
    except PatternError as error:
        raise InvalidConfig(f"{reader.path}.rule", str(error)) from None

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        variants = set(normalized_variants(guardrail_input.text))
        if max(map(len, variants)) > LONGEST_TEXT:
            raise CheckError(
                f"A pattern can search at most {LONGEST_TEXT} characters. Send a shorter text."
            )
        try:
            is_match = any(map(pattern.search, variants))
        except PatternTimeExceeded:
            raise CheckError(
                "The patterns of this request take too long. Write simpler patterns or send a shorter text."
            ) from None
        rule = "must not" if negated else "must"
        return CheckResult(
            is_match != negated,
            f"The text {'matches' if is_match else 'does not match'} the pattern; it {rule}.",
            {"regexPattern": pattern_texts[0]},
        )

    return check


def required_metadata_keys_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the metadata's keys. Parameters: metadataKeys, operator (all, any, none)."""
    keys = _read_texts(reader, "metadataKeys")
    operator = reader.choice("operator", _OPERATORS, "all")

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        found_keys = [key for key in keys if key in guardrail_input.metadata]
        return CheckResult(
            _matches_operator(operator, len(found_keys), len(keys)),
            f"The metadata have {len(found_keys)} of {len(keys)} keys; "
            f"{_operator_rule(operator, False)}: {', '.join(keys)}.",
            {
                "found_metadata_keys": found_keys,
                "missing_metadata_keys": [key for key in keys if key not in found_keys],
            },
        )

    return check


def metadata_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the metadata's values. Parameters: pairs (key to text), operator (all, any, none), not."""
    pairs: dict[str, Any] = dict(reader.mapping("pairs") or {})
    operator, negated = reader.choice("operator", _OPERATORS, "all"), reader.flag("not")
    if not pairs or not all(isinstance(value, str) for value in pairs.values()):
        raise InvalidConfig(f"{reader.path}.pairs", "must be an object of strings, and not empty")

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        found_keys = [
            key for key, value in pairs.items() if guardrail_input.metadata.get(key) == value
        ]
        return CheckResult(
            _matches_operator(operator, len(found_keys), len(pairs)) != negated,
            f"The metadata have {len(found_keys)} of {len(pairs)} pairs; {_operator_rule(operator, negated)}.",
            {
                "foundKeys": found_keys,
                "missingKeys": [key for key in pairs if key not in found_keys],
            },
        )

    return check


def _read_texts(reader: ConfigReader, name: str) -> Sequence[str]:
    texts = reader.text_list(name)
    if not 1 <= len(texts) <= _MAX_WORDS or not all(1 <= len(w) <= _MAX_WORD_LENGTH for w in texts):
        raise InvalidConfig(
            f"{reader.path}.{name}",
            f"must be 1 to {_MAX_WORDS} strings of 1 to {_MAX_WORD_LENGTH} characters",
        )
    return texts


def _matches_operator(operator: str, found_count: int, total: int) -> bool:
    return {"any": found_count > 0, "all": found_count == total, "none": found_count == 0}[operator]


def _operator_rule(operator: str, negated: bool) -> str:
    return f"{operator} of them must be present" + (
        ", and the result is negated" if negated else ""
    )
