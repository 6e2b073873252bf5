"""The rollup of a closed day: its sums by the hour, as the store keeps them in one item.

A day is closed 48 hours after its end. Nothing writes an event into it any more: what becomes known later of its
orders is an event of the day on which it becomes known. So a rollup is written once and never changes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import orjson

from retouch.usage.event import SECONDS_PER_DAY, UsageEvent, start_of_day
from retouch.usage.histogram import BUCKETS
from retouch.usage.totals import DIMENSIONS, RowCollector, Totals, UsageRow

SECONDS_PER_HOUR = 3600
CLOSED_AFTER_SECONDS = 48 * SECONDS_PER_HOUR
# DynamoDB stores items of up to 400 KB. The sums of a larger day are made from its events each time.
MAX_ROLLUP_BYTES = 380_000
_VERSION = 1
_SUMS = (
    "attempts",
    "requests",
    "cost",
    "price",
    "at_risk",
    "overrun",
    "unpriced",
    "pictures",
    "text_in",
    "image_in",
    "text_out",
    "image_out",
    "ms",
    "timed",
)


def is_closed(day: str, now: int) -> bool:
    """Return whether no event is written into the day any more."""
    return start_of_day(day) + SECONDS_PER_DAY + CLOSED_AFTER_SECONDS <= now


def roll_up(events: Iterable[UsageEvent]) -> list[UsageRow]:
    """Return the sums of a day's events by the hour and by every dimension."""
    collector = RowCollector(SECONDS_PER_HOUR, DIMENSIONS)
    for event in events:
        collector.add_event(event)
    return collector.rows()


def encode_rows(rows: Iterable[UsageRow]) -> bytes:
    """Return the rows of a day as compressed JSON."""
    document = {"version": _VERSION, "rows": [_encode_row(row) for row in rows]}
    return zlib.compress(orjson.dumps(document), 9)


def decode_rows(workspace: str, data: bytes) -> list[UsageRow] | None:
    """Return the rows of a rollup, or None when another version of the gateway wrote it."""
    document = orjson.loads(zlib.decompress(data))
    if document["version"] != _VERSION:
        return None
    return [_decode_row(workspace, values) for values in document["rows"]]


def _encode_row(row: UsageRow) -> list[Any]:
    sums = [getattr(row.totals, name) for name in _SUMS]
    latencies = {str(place): count for place, count in enumerate(row.totals.latencies) if count}
    return [row.start, [row.group[name] for name in DIMENSIONS], sums, latencies]


def _decode_row(workspace: str, values: list[Any]) -> UsageRow:
    start, group, sums, latencies = values
    totals = Totals(
        **dict(zip(_SUMS, sums, strict=True)),
        latencies=[latencies.get(str(place), 0) for place in range(BUCKETS)],
    )
    return UsageRow(workspace, start, dict(zip(DIMENSIONS, group, strict=True)), totals)
