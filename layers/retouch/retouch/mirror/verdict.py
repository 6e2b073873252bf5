"""What becomes of an order that nobody waits for: done, tried again, or put aside with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.mirror.item import Item
from retouch.mirror.order import Order

TRIES = 4  # of a URL; also how often the queue hands out one message
_FIRST_WAIT = 10  # seconds
_LONGEST_WAIT = 300


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: what to send again once its cause is gone, and the cause."""

    body: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sequel:
    """A part of an order that goes into the queue once more, as an order of its own."""

    body: str
    tries: int  # that its URLs have behind them
    pause: int  # seconds until it is handed out


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left of an order: what is put aside, and what is tried again."""

    letter: Letter | None
    sequels: tuple[Sequel, ...]


def judge(order: Order, items: Sequence[Item], received: int) -> Verdict:
    """What is left of an order that was handed out `received` times, this time included.

    A URL that the function had no time for keeps its tries, as long as others had theirs: the order is smaller each
    time, so it ends. Where none had a turn, that was a try too.
    """
    late = [item for item in items if item.out_of_time]
    if len(late) == len(items):
        late = []
    again = [item for item in items if item.transient and item not in late and received < TRIES]
    over = [item for item in items if item not in late and item not in again]
    return Verdict(
        letter(order, over),
        (
            *_sequel(order, late, received - 1, 0),
            *_sequel(order, again, received, pause(received)),
        ),
    )


def letter(order: Order, items: Sequence[Item]) -> Letter | None:
    """What of an order not worth another try was not stored, as an order of its own; None where all was."""
    missing = {item.source_url: item.error for item in items if item.error}
    if not missing:
        return None
    first = next(iter(missing.values()))
    return Letter(_part(order, missing), first.code, first.message)


def unreadable(body: str, error: InvalidRequest) -> Letter:
    """A message that is no order."""
    return Letter(body, str(error.code), str(error))


def unanswered(body: str) -> Letter:
    """An order whose answer cannot be left where it was asked for."""
    return Letter(body, "store_failed", "The answer could not be left in the bucket.")


def again(items: Sequence[Item]) -> bool:
    """Whether the whole order is worth another try; what is stored already is found then."""
    return any(item.transient for item in items)


def pause(received: int) -> int:
    """Seconds before a message is handed out again: links die within minutes, so sooner than the queue would."""
    return int(min(_FIRST_WAIT * 3 ** (received - 1), _LONGEST_WAIT))


def _sequel(
    order: Order, items: Sequence[Item], tries: int, seconds: int
) -> tuple[()] | tuple[Sequel]:
    urls = dict.fromkeys(item.source_url for item in items)
    return (Sequel(_part(order, urls), tries, seconds),) if urls else ()


def _part(order: Order, urls: Iterable[str]) -> str:
    """The order for these of its URLs only."""
    part: dict[str, Any] = {
        "urls": list(urls),
        "prefix": order.prefix,
        "metadata": order.metadata,
        "expires_in": order.expires_in,
    }
    return orjson.dumps(part).decode()
