"""The usage event: the record of one attempt of an edit, from which all sums and invoices are made.

An event has no prompt, no file name, no image and no key. Its `user` is a hash. Money is in whole micro-dollars.
A store keeps one event for each id, so an event that is written twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from retouch.core.errors import Billed
from retouch.core.frozen_dataclass import frozen_dataclass

SECONDS_PER_DAY = 86_400
MAX_METADATA_PAIRS, MAX_METADATA_LENGTH = 8, 128
Payer = Literal["operator", "caller"]
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@frozen_dataclass
class UsageEvent:
    """One attempt of an edit. `cost` is what the provider takes, and `price` what the workspace is charged for it."""

    workspace: str
    time: int  # Unix seconds: when the attempt began
    order: str
    attempt: int  # counts from 1 within the order
    status: int = 0  # of the attempt; 0: it has not ended
    target: str = ""  # the path of the target in the config
    provider: str = ""  # empty: the request was refused before a provider was chosen
    model: str = ""  # the provider's name for it
    operation: str = "image.edit"
    code: str = ""  # of an error
    blame: str = ""  # of an error: client, provider or gateway
    billed: Billed = "no"
    cost: int = 0
    price: int = 0
    at_risk: int = 0  # the part of the price of which nobody knows whether the provider took it
    overrun: int = 0  # the part of the price above the amount that was held for it
    is_estimated: bool = False  # the cost comes from the list of prices
    is_unpriced: bool = False  # the attempt was paid for, and its cost is not known
    is_final: bool = True  # no further attempt of the same request followed
    pictures: int = 0  # that the provider made or the cache had
    pixels_in: int = 0
    pixels_out: int = 0
    size: str = ""  # of the first picture
    text_in: int = 0  # tokens
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0
    ms: int = 0  # of the attempt
    provider_ms: int = 0
    cache: str = ""  # HIT, MISS or REFRESH; empty: the cache was not used
    rescue: str = ""  # of a success: "fallback", or "retry" and the number of the retry
    payer: Payer = "operator"
    key_id: str = ""  # the id of the gateway key, which says nothing about the key
    virtual_key: str = ""
    config: str = ""  # the id of the saved config
    trace: str = ""
    user: str = ""  # a hash of the `user` of the request
    metadata: Mapping[str, str] = field(default_factory=dict)
    source: str = "http"  # http, direct, job, stream, batch, inserted, adjustment
    adjusts: str = ""  # the order whose earlier events this one corrects

    @property
    def id(self) -> str:
        """The id of the event, which no other event of the stack has."""
        return f"{format_time(self.time)}#{self.order}.{self.attempt}"

    @property
    def day(self) -> str:
        """The day in UTC, as "2026-11-30"."""
        return day_of(self.time)

    @property
    def is_error(self) -> bool:
        """Whether the attempt failed."""
        return self.status >= 400

    @property
    def tokens(self) -> int:
        """The number of all tokens."""
        return self.text_in + self.image_in + self.text_out + self.image_out


_DEFAULTS: dict[str, Any] = {
    item.name: item.default for item in fields(UsageEvent) if isinstance(item.default, str | int)
}
_FIELD_NAMES = frozenset(item.name for item in fields(UsageEvent))
_BOOLEANS = frozenset(name for name, value in _DEFAULTS.items() if isinstance(value, bool))


def to_record(event: UsageEvent) -> dict[str, str | int]:
    """Return the event as a flat record of texts and whole numbers. Values that are the default are left out."""
    record: dict[str, str | int] = {}
    for name in _FIELD_NAMES - {"metadata"}:
        value = getattr(event, name)
        if name not in _DEFAULTS or value != _DEFAULTS[name]:
            record[name] = int(value) if name in _BOOLEANS else value
    if event.metadata:
        record["metadata"] = orjson.dumps(dict(event.metadata)).decode()
    return record


def from_record(record: Mapping[str, Any]) -> UsageEvent:
    """Return the event in a record. Names that this version does not know are ignored. Raises KeyError or TypeError."""
    values = {name: value for name, value in record.items() if name in _FIELD_NAMES}
    for name in _BOOLEANS & values.keys():
        values[name] = bool(values[name])
    return UsageEvent(**{**values, "metadata": orjson.loads(values.get("metadata", "{}"))})


def encode_event(event: UsageEvent) -> str:
    """Return the event as one line of JSON."""
    return orjson.dumps(to_record(event)).decode()


def decode_event(text: str) -> UsageEvent:
    """Return the event of `encode_event`. Raises ValueError, KeyError or TypeError."""
    return from_record(orjson.loads(text))


def limit_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the pairs of a request's metadata that an event keeps: the first ones, as short texts."""
    pairs = list(metadata.items())[:MAX_METADATA_PAIRS]
    return {
        str(name)[:MAX_METADATA_LENGTH]: str(value)[:MAX_METADATA_LENGTH] for name, value in pairs
    }


def format_time(unix_time: int) -> str:
    """Return a time as "2026-11-30T18:00:00Z"."""
    return datetime.fromtimestamp(unix_time, UTC).strftime(_TIME_FORMAT)


def day_of(unix_time: int) -> str:
    """Return the day of a time in UTC, as "2026-11-30"."""
    return format_time(unix_time)[:10]


def start_of_day(day: str) -> int:
    """Return the Unix time at which a day begins. Raises ValueError when the text is no day."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())


def months_of(start: int, end: int) -> list[str]:
    """Return the months of [start, end), as "2026-11"."""
    year, month = map(int, day_of(start)[:7].split("-"))
    last = day_of(end - 1)[:7]
    months = [f"{year}-{month:02}"]
    while months[-1] < last:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        months.append(f"{year}-{month:02}")
    return months
