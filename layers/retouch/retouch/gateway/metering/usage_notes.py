"""The usage of a request as the record of its order keeps it, so that a crash loses no event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from retouch.core.concurrency.heartbeat import is_done_within
from retouch.usage.order_lines import UsageLine, decode_lines, encode_lines

# The end of an order is written after its answer, and the events beside both.
_MAX_WAIT_SECONDS = 0.25


class UsageNotes:
    """The lines of one request. An order that nobody can find any more keeps them in vain, which costs nothing."""

    def __init__(self, earlier: str, *, is_resumed: bool) -> None:
        """`earlier` is what the record has of earlier holders. A resumed request ends the attempt of one of them."""
        lines = decode_lines(earlier)
        self._earlier = [one for one in lines if not is_resumed or _is_known(one)]
        self._lines: list[UsageLine] = []
        self._draft: Callable[[], UsageLine] | None = None
        self._write: Future[bool] | None = None

    @property
    def is_left_to_sweeper(self) -> bool:
        """Whether an earlier event is at risk, so that only the sweeper writes what corrects it."""
        return any(one.is_written for one in self._earlier)

    def begin_attempt(self, draft: Callable[[], UsageLine]) -> None:
        """Note the attempt under way. `draft` describes it when the record is written."""
        self._draft = draft

    def set_lines(self, lines: Sequence[UsageLine]) -> None:
        """Note the attempts that have ended."""
        self._lines, self._draft = list(lines), None

    def set_write(self, write: Future[bool]) -> None:
        """Note the write of the events, which gives whether they are in the table."""
        self._write = write

    def lines_at_send_mark(self) -> str:
        """Return what the record keeps while a paid request runs."""
        draft = [self._draft()] if self._draft else []
        return encode_lines([*self._earlier, *self._lines, *draft])

    def lines_at_end(self) -> str:
        """Return what the record keeps after the end: what is not written, and what is at risk."""
        if self._write and is_done_within(self._write, _MAX_WAIT_SECONDS) and self._write.result():
            written = [one for one in self._lines if one.event.at_risk]
            return encode_lines([*self._earlier, *map(mark_written, written)])
        return self.all_lines()

    def all_lines(self) -> str:
        """Return every line, also of events that are written."""
        return encode_lines([*self._earlier, *self._lines])


def mark_written(line: UsageLine) -> UsageLine:
    """Return the line of an event that is in the table."""
    return replace(line, is_written=True)


def _is_known(line: UsageLine) -> bool:
    return line.is_written or line.event.status != 0
