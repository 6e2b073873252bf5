"""A counter line on stderr."""

import sys
import time

EVERY_S = 0.2
EVERY_S_IN_A_LOG = 5.0


class Progress:
    """Counts requests; redraws one line on a terminal, writes a line now and then in a log."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._live = sys.stderr.isatty()
        self._next = 0.0

    def step(self, label: str) -> None:
        """One more is done."""
        self._done += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + (EVERY_S if self._live else EVERY_S_IN_A_LOG)
            self._draw(label)

    def end(self) -> None:
        """Show the last state and leave the line."""
        self._draw("done")
        if self._live:
            print(file=sys.stderr)

    def _draw(self, label: str) -> None:
        text = f"bench: {self._done}/{self._total} {label}"
        start, end = ("\r\x1b[K", "") if self._live else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)


def note(text: str) -> None:
    """One line about what happens now."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
