"""Several orders at once: every URL once, a few side by side, and an outcome for each in the order asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import zip_longest

from retouch.mirror.copying import copy, out_of_time
from retouch.mirror.item import Item
from retouch.mirror.order import Order
from retouch.mirror.yard import Yard

_Errand = tuple[str, str, tuple[tuple[str, str], ...], int]


def mirror(orders: Sequence[Order], yard: Yard, deadline: float) -> list[list[Item]]:
    """One list of items per order. At the deadline, unfinished URLs are told apart and waited for no longer."""
    asked = {_errand(url, order): (url, order) for url, order in _in_turn(orders)}
    pool = ThreadPoolExecutor(min(yard.settings.mirror_parallel, max(len(asked), 1)))
    try:
        running = {
            errand: pool.submit(copy, url, order, yard, deadline)
            for errand, (url, order) in asked.items()
        }
        wait(running.values(), timeout=max(deadline - yard.clock.now(), 0.0))
        return [
            [_outcome(url, running[_errand(url, order)]) for url in order.urls] for order in orders
        ]
    finally:
        # What still runs is harmless: an object is stored whole or not at all, under its content's name.
        pool.shutdown(wait=False, cancel_futures=True)


def _in_turn(orders: Sequence[Order]) -> Iterator[tuple[str, Order]]:
    """Every order's first URL, then every one's second, so that a long order does not take all of the time."""
    for row in zip_longest(*(order.urls for order in orders)):
        for url, order in zip(row, orders, strict=True):
            if url is not None:
                yield url, order


def _errand(url: str, order: Order) -> _Errand:
    """What makes two wishes the same one."""
    return url, order.prefix, tuple(sorted(order.metadata.items())), order.expires_in


def _outcome(url: str, errand: Future[Item]) -> Item:
    return errand.result() if errand.done() else out_of_time(url)
