"""Translation of JavaScript regular expressions (without flags) to RE2's syntax.

Both syntaxes share most signs, but they differ in `.`, `$`, `\\s`, `\\B`, classes and braces. Each sign is therefore
translated to an RE2 expression that matches the same characters. Every group becomes a group without a number, because
a search only says whether the pattern occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NoReturn

LONGEST_PATTERN = 256  # characters, also with every repetition written out

_CHARACTER_ESCAPE = r"""\\(?:
    u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} | u[0-9a-fA-F]{4} | x[0-9a-fA-F]{2}
    | c[A-Za-z] | 0(?![0-9]) | [tnvfr] | [^0-9A-Za-z]
)"""
_TOKEN = rf"""
    (?P<class>\[(?:\\.|[^\]\\])*\])
    | (?P<set>\\[dDwWsS])
    | (?P<assertion>\\[AZbB]|[\^$])
    | (?P<escape>{_CHARACTER_ESCAPE})
    | (?P<open>\((?:\?:|\?P?<(?P<name>[^<>=!]*)>|(?!\?)))
    | (?P<close>\))
    | (?P<or>\|)
    | (?P<quantifier>(?:[*+?]|\{{(?P<minimum>[0-9]+)(?:,(?P<maximum>[0-9]*))?\}})\??)
    | (?P<dot>\.)
    | (?P<literal>[^\\()*+?\[])
"""
_CLASS_TOKEN = rf"(?P<set>\\[dDwWsS]) | (?P<escape>\\b|{_CHARACTER_ESCAPE}) | (?P<literal>[^\\])"
_FLAGS = r"\(\?([is]+)\)"

# RE2's \d and \w are JavaScript's. The ranges of \S are the complement of those of \s.
_SETS: Mapping[str, str] = {
    **{name: name for name in (r"\d", r"\D", r"\w", r"\W")},
    r"\s": r"\t-\r\x20\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}",
    r"\S": (
        r"\x00-\x08\x0e-\x1f\x21-\x9f\xa1-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}"
        r"\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}"
    ),
}
_ANY, _NONE = r"(?s:.)", r"[^\x00-\x{10ffff}]"
_DOT = r"[^\n\r\x{2028}\x{2029}]"
_ASSERTIONS: Mapping[str, str] = {"^": r"\A", "$": r"\z", r"\Z": r"\z"}
_CONTROLS: Mapping[str, int] = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0, "b": 8}

_REFUSED = (
    (r"\(\?[=!]", "a lookahead", "split the pattern into several patterns"),
    (r"\(\?<[=!]", "a lookbehind", "split the pattern into several patterns"),
    (r"\\[1-9k]|\(\?P=", "a back reference", "write the repeated part again"),
    (r"\(\?>", "an atomic group", "write '(?:' instead"),
    (r"\(\?\(", "a conditional group", "write the alternatives with '|'"),
    (r"\(\?.?.?", "a special group", "use '(', '(?:', '(?<name>' and a leading (?i) or (?s) only"),
    (r"\\[pP]", "a Unicode property", "write a class such as [A-Za-z]"),
    (r"\\[0uUxcN]", "an escape", r"write \xXX, \uXXXX or the character itself"),
    (r"\\.", "an escape", "leave out the backslash"),
)


class PatternError(Exception):
    """A pattern that cannot be used. The text completes a sentence about the pattern."""


def translate(pattern: str) -> str:
    """Return the RE2 expression that finds what JavaScript's RegExp finds. Raises PatternError.

    `(?i)` and `(?s)` may lead the pattern. They have the meaning of JavaScript's flags.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"is longer than {LONGEST_PATTERN} characters")
    flags = re.match(_FLAGS, pattern)
    letters, body = (flags[1], pattern[flags.end() :]) if flags else ("", pattern)
    expression = _Translator(_ANY if "s" in letters else _DOT).translate(body)
    if r"\B" in expression:
        # RE2 also tests \B between the bytes of one character. This start admits the ends of characters only.
        expression = rf"\A{_ANY}*?(?:{expression})"
    return f"(?i){expression}" if "i" in letters else expression


class _Translator:
    """Translates one pattern and counts its characters with every repetition written out."""

    def __init__(self, dot: str) -> None:
        self._dot = dot
        self._output: list[str] = []
        self._sizes: list[list[int]] = [[]]  # of the parts of each open group
        self._names: set[str] = set()
        self._previous = "open"  # the kind of the previous token

    def translate(self, pattern: str) -> str:
        for token in _tokens(_TOKEN, pattern):
            self._add(token)
        if len(self._sizes) > 1:
            raise _invalid_pattern_error("a '(' has no ')'")
        if sum(self._sizes[0]) > LONGEST_PATTERN:
            raise PatternError(
                f"stands for more than {LONGEST_PATTERN} characters with every repetition written out"
            )
        return "".join(self._output)

    def _add(self, token: re.Match[str]) -> None:
        kind, text = str(token.lastgroup), token[0]
        match kind:
            case "open":
                self._open_group(token["name"])
            case "close":
                self._close_group()
            case "quantifier":
                self._repeat(token)
            case "or":
                self._output.append(text)
            case _:
                self._sizes[-1].append(1)
                self._output.append(self._dot if kind == "dot" else _translate_part(kind, text))
        self._previous = kind

    def _open_group(self, name: str | None) -> None:
        if name is not None:
            if not name.replace("$", "_").isidentifier() or name in self._names:
                raise _invalid_pattern_error(
                    f"the group name {name!r} is not a name or occurs twice"
                )
            self._names.add(name)
        self._sizes.append([])
        self._output.append("(?:")

    def _close_group(self) -> None:
        if len(self._sizes) == 1:
            raise _invalid_pattern_error("a ')' has no '('")
        size = sum(self._sizes.pop())
        self._sizes[-1].append(size)
        self._output.append(")")

    def _repeat(self, token: re.Match[str]) -> None:
        if self._previous == "quantifier" and token[0].startswith("+"):
            raise _unsupported_syntax_error(
                "a possessive quantifier", "+", "leave out the second sign"
            )
        if self._previous in ("open", "or", "assertion", "quantifier"):
            raise _invalid_pattern_error(f"{token[0]!r} has nothing to repeat")
        minimum, maximum = int(token["minimum"] or 0), int(token["maximum"] or 0)
        if token["maximum"] and minimum > maximum:
            raise _invalid_pattern_error(f"the numbers of {token[0]!r} are out of order")
        self._sizes[-1][-1] = max(1, self._sizes[-1][-1]) * max(1, minimum, maximum)
        # RE2 reads `{02}` as four characters.
        self._output.append(re.sub(r"\b0+(?=[0-9])", "", token[0]))


def _tokens(syntax: str, text: str) -> Iterator[re.Match[str]]:
    # This is compiled here and not at import, because it takes milliseconds. `re` keeps the result.
    token_pattern = re.compile(syntax, re.VERBOSE | re.DOTALL)
    position = 0
    while position < len(text):
        token = token_pattern.match(text, position)
        if token is None:
            _refuse(text[position:])
        yield token
        position = token.end()


def _translate_part(kind: str, text: str) -> str:
    """Return the expression of a class, a set, an assertion, an escape or a literal."""
    match kind:
        case "class":
            return _translate_class(text[1:-1])
        case "set":
            return f"[{_SETS[text]}]"
        case "assertion":
            return _ASSERTIONS.get(text, text)
    return _character(_code_point(text))


def _translate_class(body: str) -> str:
    """Return the expression of a class. As in JavaScript, `[]` matches nothing and `[^]` matches everything."""
    negation, members = ("^", body[1:]) if body.startswith("^") else ("", body)
    if not members:
        return _ANY if negation else _NONE
    return f"[{negation}{''.join(_class_members(members))}]"


def _class_members(members: str) -> Iterator[str]:
    parts = [token[0] for token in _tokens(_CLASS_TOKEN, members)]
    position = 0
    while position < len(parts):
        first, *rest = parts[position : position + 3]
        is_range = len(rest) == 2 and rest[0] == "-"
        yield _class_range(first, rest[1]) if is_range else _class_member(first)
        position += 3 if is_range else 1


def _class_range(first: str, last: str) -> str:
    if first in _SETS or last in _SETS:  # a `-` beside a set stands for itself
        return _class_member(first) + _class_member("-") + _class_member(last)
    if _code_point(first) > _code_point(last):
        raise _invalid_pattern_error("the ends of a range are out of order")
    return f"{_class_member(first)}-{_class_member(last)}"


def _class_member(part: str) -> str:
    return _SETS.get(part) or _character(_code_point(part))


def _code_point(text: str) -> int:
    """Return the code point of a character or of an escape."""
    if not text.startswith("\\"):
        return ord(text)
    name, rest = text[1], text[2:]
    if name in "ux":
        high, _, low = rest.partition(r"\u")
        return _join_surrogates(int(high, 16), int(low, 16)) if low else int(high, 16)
    return ord(rest) % 32 if name == "c" else _CONTROLS.get(name, ord(name))


def _join_surrogates(high: int, low: int) -> int:
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)


def _character(code_point: int) -> str:
    if 0xD800 <= code_point <= 0xDFFF:
        raise _invalid_pattern_error("half of a surrogate pair is not a character")
    character = chr(code_point)
    return character if character.isascii() and character.isalnum() else f"\\x{{{code_point:x}}}"


def _refuse(rest: str) -> NoReturn:
    """Raise the error of a rest that starts with no token."""
    for start, name, remedy in _REFUSED:
        if found := re.match(start, rest, re.DOTALL):
            raise _unsupported_syntax_error(name, found[0], remedy)
    raise _invalid_pattern_error(
        "a '[' has no ']'" if rest.startswith("[") else "a backslash ends it"
    )


def _unsupported_syntax_error(name: str, text: str, remedy: str) -> PatternError:
    return PatternError(f"uses {name}, {text!r}, which is not offered: {remedy}")


def _invalid_pattern_error(reason: str) -> PatternError:
    return PatternError(f"is not a valid pattern: {reason}")
