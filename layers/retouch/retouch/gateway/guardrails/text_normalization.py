"""Normalized variants of a text, for checks that search for words.

Invisible characters and look-alike compatibility characters do not change what people see. A text therefore has
three variants:
1. The text as sent.
2. The text in NFKC, without invisible characters.
3. The second variant without accents, with each run of white space as one space.
A word or a pattern matches if one of the variants contains it. Look-alike letters of other scripts and letters
with spaces between them are still not found.
"""

from __future__ import annotations

import re
from unicodedata import category, combining, normalize

# Unicode calls these characters default ignorable. They have no category of their own.
_IGNORABLE_CHARACTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_INVISIBLE_CATEGORIES = ("Cc", "Cf", "Cs")
# on one letter, as in Unicode's Stream-Safe Text Format; sorting n marks takes n² steps
_MAX_COMBINING_MARKS = 30
_WHITESPACE = re.compile(r"\s+")


def normalized_variants(text: str, ignore_case: bool = False) -> tuple[str, str, str]:
    """Return the three variants, in their order."""
    if text.isascii() and text.isprintable():  # the fast path for most texts
        text = text.lower() if ignore_case else text
        return text, text, _WHITESPACE.sub(" ", text)
    visible_text = normalize("NFKC", _strip_invisible(text))
    if ignore_case:
        text, visible_text = text.casefold(), normalize("NFKC", visible_text.casefold())
    return text, visible_text, _WHITESPACE.sub(" ", _strip_accents(visible_text))


def has_word(text_variants: tuple[str, str, str], word_variants: tuple[str, str, str]) -> bool:
    """Return whether a variant of the text contains the same variant of the word.

    Empty variants of the word are skipped.
    """
    return any(
        word_variant in text_variant
        for text_variant, word_variant in zip(text_variants, word_variants, strict=True)
        if word_variant
    )


def _strip_invisible(text: str) -> str:
    visible: list[str] = []
    marks = 0
    for character in _IGNORABLE_CHARACTERS.sub("", text):
        if category(character) in _INVISIBLE_CATEGORIES and not character.isspace():
            continue
        marks = marks + 1 if combining(character) else 0
        if marks <= _MAX_COMBINING_MARKS:
            visible.append(character)
    return "".join(visible)


def _strip_accents(text: str) -> str:
    """Return the text without marks on ASCII and on letters that have a capital form.

    Other scripts need their marks.
    """
    characters: list[str] = []
    has_optional_marks = False
    for character in normalize("NFD", text):
        if category(character) in ("Mn", "Me"):
            if has_optional_marks:
                continue
        else:
            has_optional_marks = character.isascii() or character.lower() != character.upper()
        characters.append(character)
    return normalize("NFC", "".join(characters))
