"""Regular expressions of strangers: found or not found, in a time that no pattern and no text can stretch."""

from retouch.regex.automaton import Automaton
from retouch.regex.pattern import LONGEST_PATTERN, LONGEST_TEXT, PatternError, compiled

__all__ = ["LONGEST_PATTERN", "LONGEST_TEXT", "Automaton", "PatternError", "compiled"]
