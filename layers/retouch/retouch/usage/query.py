"""Reads the sums of a span of time: closed days from their rollups, and all other days from their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.cost_basis import CostBasis, event_with_cost_basis, row_with_cost_basis
from retouch.usage.event import SECONDS_PER_DAY, UsageEvent, day_of
from retouch.usage.filters import UsageFilter
from retouch.usage.rollup import (
    MAX_ROLLUP_BYTES,
    SECONDS_PER_HOUR,
    decode_rows,
    encode_rows,
    is_closed,
    roll_up,
)
from retouch.usage.stores import UsageStore
from retouch.usage.totals import DIMENSIONS, RowCollector, UsageRow

MAX_EVENTS = 100_000
MAX_DAYS = 400
_ROW_FIELDS = frozenset(DIMENSIONS)


@frozen_dataclass
class UsageQuery:
    """What is asked: workspaces, [start, end) in Unix seconds, the span of a row in seconds, groups and a filter."""

    workspaces: Sequence[str]
    start: int
    end: int
    width: int = SECONDS_PER_HOUR
    dimensions: tuple[str, ...] = ()
    filter: UsageFilter = field(default_factory=UsageFilter)
    cost_basis: CostBasis = "cost"  # what counts as the cost

    @property
    def needs_events(self) -> bool:
        """Whether rollups cannot answer it."""
        return (
            self.width % SECONDS_PER_HOUR != 0
            or not _ROW_FIELDS.issuperset(self.dimensions)
            or not _ROW_FIELDS.issuperset(self.filter.fields)
        )


class UsageReader:
    """Answers one query. The number of events that it reads is limited."""

    def __init__(self, store: UsageStore, now: int, max_events: int = MAX_EVENTS) -> None:
        self._store, self._now = store, now
        self._max_events, self._count = max_events, 0

    def read_rows(self, query: UsageQuery) -> list[UsageRow]:
        """Return the sums by workspace, span and group, the earliest first. Raises InvalidRequest."""
        _check_range(query)
        collector = RowCollector(query.width, query.dimensions)
        for workspace in query.workspaces:
            for start, end in iter_days(query.start, query.end):
                self._collect_day(query, workspace, start, end, collector)
        return collector.rows()

    def read_events(self, query: UsageQuery) -> Iterator[UsageEvent]:
        """Yield the events of the query, workspace by workspace, the earliest first. Raises InvalidRequest."""
        _check_range(query)
        for workspace in query.workspaces:
            for start, end in iter_days(query.start, query.end):
                events = self._store.read_events(workspace, start, end)
                yield from self._select(query, events)

    def _collect_day(
        self, query: UsageQuery, workspace: str, start: int, end: int, collector: RowCollector
    ) -> None:
        is_whole_day = end - start == SECONDS_PER_DAY
        if is_whole_day and is_closed(day_of(start), self._now) and not query.needs_events:
            for row in self._day_rows(workspace, start, end):
                if query.filter.matches_group(row.group):
                    collector.add_row(row_with_cost_basis(row, query.cost_basis))
            return
        for event in self._select(query, self._store.read_events(workspace, start, end)):
            collector.add_event(event)

    def _select(self, query: UsageQuery, events: Iterator[UsageEvent]) -> Iterator[UsageEvent]:
        """Yield the events that the query asks for, as it asks for them."""
        for event in self._limit(events):
            shown = event_with_cost_basis(event, query.cost_basis)
            if query.filter.matches(shown):
                yield shown

    def _day_rows(self, workspace: str, start: int, end: int) -> list[UsageRow]:
        """Return the rows of a closed day. Whoever asks first stores them, so a day of any size is summed once."""
        day = day_of(start)
        data = self._store.read_rollup(workspace, day)
        rows = decode_rows(workspace, data) if data else None
        if rows is not None:
            return rows
        self._require_room()
        rows = roll_up(self._count_events(self._store.read_events(workspace, start, end)))
        encoded = encode_rows(rows)
        # Some events of an older day may be deleted already, and its sums must not be kept as the sums of the day.
        has_all_events = start + self._store.retention_seconds > self._now
        if data is None and has_all_events and len(encoded) <= MAX_ROLLUP_BYTES:
            self._store.write_rollup(workspace, day, encoded)
        return rows

    def _limit(self, events: Iterator[UsageEvent]) -> Iterator[UsageEvent]:
        for event in self._count_events(events):
            self._require_room()
            yield event

    def _count_events(self, events: Iterator[UsageEvent]) -> Iterator[UsageEvent]:
        for event in events:
            self._count += 1
            yield event

    def _require_room(self) -> None:
        if self._count > self._max_events:
            raise InvalidRequest(
                f"This range has more than {self._max_events:,} events that must be read one by one. Ask for a shorter "
                "range, group by less, or export the events with POST /v1/logs/exports.",
                code="range_too_large",
            )


def iter_days(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of [start, end) by day, in UTC."""
    while start < end:
        next_day = (start // SECONDS_PER_DAY + 1) * SECONDS_PER_DAY
        yield start, min(next_day, end)
        start = next_day


def _check_range(query: UsageQuery) -> None:
    days = (query.end - query.start) / SECONDS_PER_DAY
    if query.end <= query.start:
        raise InvalidRequest(
            "The range ends before it begins. Send an end that is later than the start.",
            code="invalid_range",
        )
    if days * max(1, len(query.workspaces)) > MAX_DAYS * 10 or days > MAX_DAYS:
        raise InvalidRequest(
            f"The range has {days:.0f} days in {len(query.workspaces)} workspaces. Ask for at most {MAX_DAYS} days of "
            f"one workspace, and for {MAX_DAYS * 10} days of all workspaces together.",
            code="range_too_large",
        )
