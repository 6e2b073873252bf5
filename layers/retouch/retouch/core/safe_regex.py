"""Regular expressions of strangers, compiled so that no pattern and no text can make them slow.

Python's own engine goes back and tries again, so `(a+)+$` takes for ever on thirty letters. Here a pattern becomes
an automaton that reads every character once. It says whether a pattern is found, not where. Characters and classes
are left to `re`; what only going back can do (references, looking around, possessive repeats) is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from retouch.core.regex_automaton import Assert, Automaton, Builder

LONGEST_PATTERN = 256  # characters, also of those it stands for, its repeats written out
LONGEST_TEXT = 40_000  # characters it is worth trying on; a prompt has 32,000 at most
_FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL}
_HEAD = re.compile(r"\(\?([is]+)\)")
_TOKEN = re.compile(
    r"""
    (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<assert>\\[AZbB]|[\^$])
    | (?P<escape>\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^0-9N]))
    | (?P<open>\((?:\?:|\?P<\w+>|(?!\?)))
    | (?P<close>\))
    | (?P<or>\|)
    | (?P<repeat>(?:[*+?]|{counts})\??(?!\+))
    | (?P<character>(?!{counts})[^\\()*+?\[])
    """.replace("{counts}", r"\{(?:[0-9]+(?:,[0-9]*)?|,[0-9]*)\}"),
    re.VERBOSE | re.DOTALL,
)


class PatternError(Exception):
    """A pattern that cannot be used; the text completes a sentence about it."""


@dataclass(frozen=True, slots=True)
class _Atom:
    text: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Either:
    ways: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    inner: _Node
    least: int
    most: int | None


_Node = _Atom | Assert | _Sequence | _Either | _Repeat


def compiled(pattern: str) -> Automaton:
    """The automaton of a pattern in Python's notation. PatternError says what is wrong with it.

    At most 256 characters, also when all repeats are written out; `(?i)` and `(?s)` may lead it.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"is longer than {LONGEST_PATTERN} characters")
    head = _HEAD.match(pattern)
    flags = re.RegexFlag(0)
    for letter in head[1] if head else "":
        flags |= _FLAGS[letter]
    _check(pattern)
    tree = _Parser(pattern[head.end() :] if head else pattern).tree()
    if _steps(tree) > LONGEST_PATTERN:
        raise PatternError(
            f"stands for more than {LONGEST_PATTERN} characters, its repeats written out"
        )
    builder = Builder(flags)
    return builder.automaton(_built(tree, builder, builder.end))


def _check(pattern: str) -> None:
    """Python's own opinion, which words the errors."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as broken:
        raise PatternError(f"is not a valid pattern: {broken}") from None


class _Parser:
    """Reads a pattern that `re` has accepted."""

    def __init__(self, pattern: str) -> None:
        self._tokens = list(_tokens(pattern))[::-1]

    def tree(self) -> _Node:
        """Ways up to the end or a closing parenthesis."""
        ways = [self._sequence()]
        while self._tokens and self._tokens[-1][0] == "or":
            self._tokens.pop()
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else _Either(tuple(ways))

    def _sequence(self) -> _Node:
        parts = []
        while self._tokens and self._tokens[-1][0] not in ("or", "close"):
            part = self._part(*self._tokens.pop())
            while self._tokens and self._tokens[-1][0] == "repeat":
                part = _Repeat(part, *_counts(self._tokens.pop()[1]))
            parts.append(part)
        return _Sequence(tuple(parts))

    def _part(self, kind: str, text: str) -> _Node:
        if kind == "open":
            inner = self.tree()
            self._tokens.pop()
            return inner
        return Assert(text) if kind == "assert" else _Atom(text)


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if not token:
            raise PatternError(
                f"uses {pattern[at : at + 4]!r}, which is not offered: leave out references, "
                "looking ahead or behind, possessive repeats and flags other than a leading (?i) or (?s)"
            )
        yield str(token.lastgroup), token[0]
        at = token.end()


def _counts(repeat: str) -> tuple[int, int | None]:
    match repeat.removesuffix("?") or "?":
        case "*":
            return 0, None
        case "+":
            return 1, None
        case "?":
            return 0, 1
        case counts:
            least, comma, most = counts.strip("{}").partition(",")
            return int(least or 0), (int(most) if most else None) if comma else int(least)


def _steps(node: _Node) -> int:
    """How many characters stand in the pattern once its repeats are written out."""
    match node:
        case _Sequence(parts) | _Either(parts):
            return sum(map(_steps, parts))
        case _Repeat(inner, least, most):
            return max(1, _steps(inner)) * max(1, least if most is None else most)
    return 1


def _built(node: _Node, builder: Builder, then: int) -> int:
    """The number of the state that reads `node` and goes on with the state `then`."""
    match node:
        case _Atom(text):
            return builder.atom(text, then)
        case Assert():
            return builder.check(node, then)
        case _Either(ways):
            return builder.fork([_built(way, builder, then) for way in ways])
        case _Sequence(parts):
            for part in reversed(parts):
                then = _built(part, builder, then)
            return then
        case _Repeat():
            return _repeated(node, builder, then)


def _repeated(node: _Repeat, builder: Builder, then: int) -> int:
    start = then
    if node.most is None:
        start = builder.fork([then])
        builder.also(start, _built(node.inner, builder, start))
    for _ in range((node.most or node.least) - node.least):
        start = builder.fork([_built(node.inner, builder, start), then])
    for _ in range(node.least):
        start = _built(node.inner, builder, start)
    return start
