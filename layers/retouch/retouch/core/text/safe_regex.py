"""Regular expressions from callers, searched by RE2.

RE2 does not backtrack. The time of a search is at most proportional to the length of the text times the size of the
pattern. That is up to 3.5 s for a hostile pattern and 40,000 characters, so all searches of a request share a time
budget, and no search of a request runs twice. The patterns have the meaning of JavaScript's RegExp without flags, as in
Portkey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from retouch.core.text.regex_syntax import LONGEST_PATTERN, PatternError, translate

__all__ = [
    "LONGEST_PATTERN",
    "LONGEST_TEXT",
    "PATTERN_SECONDS",
    "Pattern",
    "PatternError",
    "PatternTimeExceeded",
    "compile_pattern",
    "limit_pattern_time",
]

LONGEST_TEXT = 40_000  # characters it is worth trying on; a prompt has 32,000 at most
PATTERN_SECONDS = 2.0  # for all searches of a request; a search that has begun ends
_MAX_MEMORY = 2 * 2**20  # bytes for one pattern: its program and the states that RE2 remembers
_MAX_KEPT_PATTERNS = 32


class PatternTimeExceeded(Exception):
    """The error of a search for which the request has no time left."""


class PatternBudget:
    """The time for all searches of one request, and their results."""

    def __init__(self, now: Callable[[], float], seconds: float = PATTERN_SECONDS) -> None:
        self._now, self._remaining = now, seconds
        self._results: dict[tuple[Pattern, str], bool] = {}

    def search(self, pattern: Pattern, text: str) -> bool:
        """Return whether the pattern occurs in the text. Raises PatternTimeExceeded."""
        result = self._results.get((pattern, text))
        if result is None:
            result = self._results[pattern, text] = self._measured_search(pattern, text)
        return result

    def _measured_search(self, pattern: Pattern, text: str) -> bool:
        if self._remaining <= 0:
            raise PatternTimeExceeded
        started_at = self._now()
        try:
            return pattern.find(text)
        finally:
            self._remaining -= self._now() - started_at


_budget: ContextVar[PatternBudget | None] = ContextVar("pattern budget", default=None)


@contextmanager
def limit_pattern_time(now: Callable[[], float]) -> Iterator[None]:
    """Limit the time of all searches in this context. `now` returns seconds."""
    token = _budget.set(PatternBudget(now))
    try:
        yield
    finally:
        _budget.reset(token)


class Pattern:
    """A compiled pattern. Several threads may use it at once."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[bytes], object | None]) -> None:
        self._find = find

    def search(self, text: str) -> bool:
        """Return whether the pattern occurs anywhere in the text.

        Raises PatternTimeExceeded when the request has a budget and has used it up.
        """
        budget = _budget.get()
        return self.find(text) if budget is None else budget.search(self, text)

    def find(self, text: str) -> bool:
        """Return whether the pattern occurs anywhere in the text, however long that takes."""
        return self._find(_encode(text)) is not None


@lru_cache(maxsize=_MAX_KEPT_PATTERNS)
def compile_pattern(pattern: str) -> Pattern:
    """Return the compiled pattern. Raises PatternError, which says what is wrong with the pattern.

    A pattern has at most 256 characters, also with every repetition written out. `(?i)` and `(?s)` may lead it.
    """
    expression = translate(pattern)
    import re2  # the first pattern loads it, because most cold starts compile none

    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    options.never_capture = True
    try:
        regexp = re2.compile(expression.encode(), options)
    except re2.error:
        raise PatternError(
            "needs too much memory: write smaller classes or fewer repetitions"
        ) from None
    re2.purge()  # its own cache would keep 128 patterns
    return Pattern(regexp.search)


def _encode(text: str) -> bytes:
    """Return the text as UTF-8. Half of a surrogate pair, which UTF-8 cannot express, becomes U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
