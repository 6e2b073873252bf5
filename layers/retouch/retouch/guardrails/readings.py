"""How a text may be read, for checks that look for words: hidden and borrowed characters do not change what people see.

A text has three readings: as it was sent; as plain characters (NFKC) without those that cannot be seen; and that
without accents, white space being one space. A word or a pattern counts as found if one of them has it. Letters of
other scripts that look alike, and letters set apart, are still others.
"""

from __future__ import annotations

import re
from unicodedata import category, combining, normalize

# What Unicode calls default ignorable and puts in no category of its own.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_UNSEEN = ("Cc", "Cf", "Cs")
_MOST_MARKS = (
    30  # on one letter, as in Unicode's stream-safe text: ordering more takes their square
)
_SPACE = re.compile(r"\s+")


def readings(text: str, ignore_case: bool = False) -> tuple[str, str, str]:
    """The three readings, in their order."""
    if text.isascii() and text.isprintable():  # most texts
        text = text.lower() if ignore_case else text
        return text, text, _SPACE.sub(" ", text)
    plain = normalize("NFKC", _seen(text))
    if ignore_case:
        text, plain = text.casefold(), normalize("NFKC", plain.casefold())
    return text, plain, _SPACE.sub(" ", _bare(plain))


def holds(text: tuple[str, str, str], word: tuple[str, str, str]) -> bool:
    """Whether one reading of a text has the word in the same reading. A word that cannot be seen has but one."""
    return any(part in whole for whole, part in zip(text, word, strict=True) if part)


def _seen(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in _FILLERS.sub("", text):
        if category(character) in _UNSEEN and not character.isspace():
            continue
        marks = marks + 1 if combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _bare(text: str) -> str:
    """Without the marks on letters that have capitals, and on ASCII. Other scripts need theirs."""
    found: list[str] = []
    plain = False
    for character in normalize("NFD", text):
        if category(character) in ("Mn", "Me"):
            if plain:
                continue
        else:
            plain = character.isascii() or character.lower() != character.upper()
        found.append(character)
    return normalize("NFC", "".join(found))
