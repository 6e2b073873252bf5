"""Sums of usage events, and the groups that a day's rollup keeps apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.event import UsageEvent
from retouch.usage.histogram import BUCKETS, bucket_of

# The fields of an event by which a rollup keeps its sums apart.
DIMENSIONS = (
    "provider",
    "model",
    "operation",
    "key_id",
    "virtual_key",
    "config",
    "status",
    "payer",
    "cache",
    "rescue",
)


@dataclass(slots=True)
class Totals:
    """Sums over events. Money is in whole micro-dollars."""

    attempts: int = 0
    requests: int = 0  # final attempts
    cost: int = 0
    price: int = 0
    at_risk: int = 0
    overrun: int = 0
    unpriced: int = 0  # attempts whose cost is not known
    pictures: int = 0
    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    ms: int = 0  # of all attempts that took time
    timed: int = 0  # the number of those attempts
    latencies: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    @property
    def tokens(self) -> int:
        """The number of all tokens."""
        return self.text_in + self.image_in + self.text_out + self.image_out

    def add_event(self, event: UsageEvent) -> None:
        """Add one event."""
        self.attempts += not event.adjusts
        self.requests += event.is_final and not event.adjusts
        self.unpriced += event.is_unpriced
        for name in _EVENT_SUMS:
            setattr(self, name, getattr(self, name) + getattr(event, name))
        if event.ms:
            self.timed += 1
            self.latencies[bucket_of(event.ms)] += 1

    def add(self, other: Totals) -> None:
        """Add the sums of other events."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latencies = [a + b for a, b in zip(self.latencies, other.latencies, strict=True)]


_EVENT_SUMS = (
    "cost",
    "price",
    "at_risk",
    "overrun",
    "pictures",
    "text_in",
    "image_in",
    "text_out",
    "image_out",
    "ms",
)
_COUNTS = tuple(item.name for item in fields(Totals) if item.name != "latencies")


@frozen_dataclass
class UsageRow:
    """The sums of one workspace, one span of time and one group."""

    workspace: str
    start: int  # Unix seconds
    group: Mapping[str, Any]  # dimension -> value
    totals: Totals


def sum_rows(rows: Iterable[UsageRow]) -> Totals:
    """Return the sums of all rows."""
    totals = Totals()
    for row in rows:
        totals.add(row.totals)
    return totals


class RowCollector:
    """Sums events in rows: one for each workspace, span of `width` seconds and group."""

    def __init__(self, width: int, dimensions: tuple[str, ...]) -> None:
        self._width, self._dimensions = width, dimensions
        self._totals: dict[tuple[Any, ...], Totals] = {}

    def add_event(self, event: UsageEvent) -> None:
        """Add one event."""
        values = (event_value(event, name) for name in self._dimensions)
        self._row(event.workspace, event.time, *values).add_event(event)

    def add_row(self, row: UsageRow) -> None:
        """Add the sums of a row, whose span of time is not longer."""
        values = (row.group[name] for name in self._dimensions)
        self._row(row.workspace, row.start, *values).add(row.totals)

    def rows(self) -> list[UsageRow]:
        """Return the rows, the earliest first."""
        rows = [
            UsageRow(workspace, start, dict(zip(self._dimensions, values, strict=True)), totals)
            for (workspace, start, *values), totals in self._totals.items()
        ]
        return sorted(rows, key=lambda row: (row.start, row.workspace, str(row.group)))

    def _row(self, workspace: str, time: int, *values: Any) -> Totals:
        key = workspace, time // self._width * self._width, *values
        return self._totals.setdefault(key, Totals())


def event_value(event: UsageEvent, dimension: str) -> Any:
    """Return the value of a dimension: a field of the event, or a name of its metadata behind "metadata."."""
    prefix, dot, name = dimension.partition(".")
    if dot and prefix == "metadata":
        return event.metadata.get(name, "")
    return getattr(event, dimension)
