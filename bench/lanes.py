"""One target's connection and prepared request in one cell, and what came of it."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.cells import Cell
from bench.client import Answer, Connection
from bench.pictures import inspect, looks_served
from bench.targets import Target
from bench.upstream import Upstream


@dataclass
class Series:
    """What one target did in one cell: a list per round, CPU seconds per request by part."""

    seconds: list[list[float]] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    picture: str = "nobody looked"
    sound: bool = False
    upstream_calls: int = 0


class Lane:
    """Sends the cell's request to one target over one connection."""

    def __init__(self, target: Target, cell: Cell, images: Path, series: Series) -> None:
        self.target = target
        self.series = series
        self._body = cell.body(images)
        self._head = target.head(len(self._body))
        self._wire = Connection(target.base_url)

    def shoot(self) -> None:
        """One request, into the current round; a failure is kept by name."""
        try:
            answer = self._send()
        except OSError as error:
            self.series.failures.append(type(error).__name__)
            return
        if looks_served(answer.status, answer.body):
            self.series.seconds[-1].append(answer.seconds)
        else:
            self.series.failures.append(say(answer))

    def look(self, upstream: Upstream) -> None:
        """One request whose picture is opened and whose provider calls are counted."""
        before = upstream.edits()
        try:
            answer = self._send()
            self.series.sound = answer.status == 200
            self.series.picture = inspect(answer.body) if self.series.sound else say(answer)
        except (OSError, ValueError, LookupError) as error:
            self.series.sound, self.series.picture = False, f"none: {error}"
        self.series.upstream_calls = upstream.edits() - before

    def close(self) -> None:
        """Let go of the connection."""
        self._wire.close()

    def _send(self) -> Answer:
        return self._wire.send(self._head, self._body)


def say(answer: Answer) -> str:
    """A failed answer in one line."""
    return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
