"""A progress line on stderr."""

import sys
import time

REDRAW_SECONDS = 0.2
LOG_INTERVAL_SECONDS = 5.0


class Progress:
    """Counts requests. Redraws one line on a terminal, and writes a line every few seconds into a log."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._live = sys.stderr.isatty()
        self._next = 0.0

    def advance(self, label: str) -> None:
        """Count one finished request."""
        self._done += 1
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + (REDRAW_SECONDS if self._live else LOG_INTERVAL_SECONDS)
            self._draw(label)

    def finish(self) -> None:
        """Print the last state and end the line."""
        self._draw("done")
        if self._live:
            print(file=sys.stderr)

    def _draw(self, label: str) -> None:
        text = f"bench: {self._done}/{self._total} {label}"
        start, end = ("\r\x1b[K", "") if self._live else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)


def print_note(text: str) -> None:
    """Print one line about the current step."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
