"""A text against all states of a pattern at once: the time is the text's length times the pattern's, at most."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

_MOST_REMEMBERED = 512  # moves; bounds the memory of a search, not its outcome


@dataclass(frozen=True, slots=True)
class Assert:
    """A condition on a place between two characters: one of ^ $ \\A \\Z \\b \\B."""

    text: str


class _Place(NamedTuple):
    """What conditions ask of the place before a character."""

    first: bool
    last: bool
    before_final_newline: bool
    edge: bool  # of a word

    def meets(self, condition: Assert) -> bool:
        match condition.text:
            case "^" | r"\A":
                return self.first
            case "$":
                return self.last or self.before_final_newline
            case r"\Z":
                return self.last
            case r"\b":
                return self.edge
        return not self.edge


_States = frozenset[int]
_Key = TypeVar("_Key")


class Automaton:
    """Made by a Builder. Not for use by several threads at once."""

    def __init__(
        self,
        start: int,
        atoms: Sequence[re.Pattern[str] | None],
        conditions: Sequence[Assert | None],
        ways: Sequence[Sequence[int]],
    ) -> None:
        self._start, self._conditions, self._ways = start, conditions, ways
        self._still = frozenset(state for state, atom in enumerate(atoms) if not atom)
        self._alike = {
            atom: frozenset(state for state, other in enumerate(atoms) if other is atom)
            for atom in dict.fromkeys(atoms)
            if atom
        }
        self._reached: dict[tuple[_States, _Place], _States] = {}
        self._moved: dict[tuple[_States, str], _States] = {}
        self._reads: dict[str, _States] = {}

    def search(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text."""
        states: _States = frozenset()
        for at in range(len(text) + 1):
            reached = self._reach(states, _place(text, at))
            if 0 in reached:
                return True
            if at < len(text):
                states = self._move(reached, text[at])
        return False

    def _reach(self, states: _States, place: _Place) -> _States:
        """The states that can be had without reading, the start among them."""
        known = self._reached.get((states, place))
        if known is None:
            known = self._closure(states, place)
            _remember(self._reached, (states, place), known)
        return known

    def _closure(self, states: _States, place: _Place) -> _States:
        found: set[int] = set()
        waiting = [self._start, *states]
        while waiting:
            state = waiting.pop()
            condition = self._conditions[state]
            if state in found or (condition and not place.meets(condition)):
                continue
            found.add(state)
            if state in self._still:
                waiting.extend(self._ways[state])
        return frozenset(found)

    def _move(self, states: _States, character: str) -> _States:
        known = self._moved.get((states, character))
        if known is None:
            known = frozenset(self._ways[state][0] for state in states & self._readers(character))
            _remember(self._moved, (states, character), known)
        return known

    def _readers(self, character: str) -> _States:
        """All states that read the character."""
        known = self._reads.get(character)
        if known is None:
            reading = (states for atom, states in self._alike.items() if atom.match(character))
            known = frozenset().union(*reading)
            _remember(self._reads, character, known)
        return known


class Builder:
    """Collects states. State 0 is the end; every other names those it leads to."""

    end = 0

    def __init__(self, flags: re.RegexFlag) -> None:
        self._flags = flags
        self._atoms: list[re.Pattern[str] | None] = [None]
        self._conditions: list[Assert | None] = [None]
        self._ways: list[list[int]] = [[]]

    def atom(self, text: str, then: int) -> int:
        """A state that reads one character; `text` is a pattern for it."""
        return self._state([then], atom=re.compile(text, self._flags))

    def check(self, condition: Assert, then: int) -> int:
        """A state that reads nothing and is only there where the condition holds."""
        return self._state([then], condition=condition)

    def fork(self, ways: Iterable[int]) -> int:
        """A state that reads nothing and leads to several."""
        return self._state(list(ways))

    def also(self, state: int, way: int) -> None:
        """One more way out of a fork."""
        self._ways[state].append(way)

    def automaton(self, start: int) -> Automaton:
        """What has been built."""
        return Automaton(start, self._atoms, self._conditions, self._ways)

    def _state(
        self,
        ways: list[int],
        atom: re.Pattern[str] | None = None,
        condition: Assert | None = None,
    ) -> int:
        self._atoms.append(atom)
        self._conditions.append(condition)
        self._ways.append(ways)
        return len(self._ways) - 1


def _place(text: str, at: int) -> _Place:
    left = at > 0 and _is_word(text[at - 1])
    right = at < len(text) and _is_word(text[at])
    final_newline = at == len(text) - 1 and text[at] == "\n"
    return _Place(at == 0, at == len(text), final_newline, left != right)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _remember(memory: dict[_Key, _States], key: _Key, value: _States) -> None:
    if len(memory) >= _MOST_REMEMBERED:
        memory.clear()
    memory[key] = value
