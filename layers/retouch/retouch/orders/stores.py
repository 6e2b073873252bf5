"""What orders need from the outside: a table with conditional writes, and a store for the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from retouch.core.errors import OrdersUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.write_conflict import WriteConflict
from retouch.orders.charges import Ledger
from retouch.orders.order import Order, StoredAnswer

_Stored = TypeVar("_Stored")


class OrderConflict(WriteConflict):
    """Another order is stored than the one that a write should replace. `stored` is that order, or None."""

    def __init__(self, stored: Order | None) -> None:
        super().__init__("the order has changed")
        self.stored = stored


class OrderTable(Protocol):
    """The table of orders. Every method raises OrdersUnavailable when the table cannot be used."""

    def read(self, key: str) -> Order | None:
        """Return the order as it was last written, or None."""

    def write(self, order: Order, replaces: Order | None) -> Order:
        """Write an order if `replaces` is still stored, or if nothing is stored and `replaces` is None.

        Return the order with its new version. Raises OrderConflict with the stored order. A write that is repeated
        because its response was lost succeeds.
        """

    def list_abandoned(self, now: int) -> Sequence[Order]:
        """Return orders that are listed for the sweeper and whose lease is over."""

    def list_jobs(self, scope: str, before: str, limit: int) -> Sequence[Order]:
        """Return the newest jobs of a scope whose order's id is before this one. "" is the end.

        The lines of batches are not among them. The newest jobs may be missing for a moment. Fewer than `limit` jobs
        are the end of the list.
        """

    def remove(self, order: Order) -> None:
        """Remove an order that is stored as it is here, or no longer. Raises OrderConflict."""

    def add_recent(self, fingerprint: str, key: str, expires: int, retry: int) -> None:
        """Remember the key of an order under its request's fingerprint until that Unix time.

        `retry` is the number of the retry that began the order: 0 for the first try of an SDK.
        """

    def recent_orders(self, fingerprint: str, now: int) -> Mapping[str, int]:
        """Return the keys of the recent orders with that fingerprint, the oldest first, and the last retry of each."""

    def join_recent(self, fingerprint: str, key: str, retry: int) -> bool:
        """Store that a retry with this number joins a recent order. Return False when an equal or later one has it."""


class AnswerStore(Protocol):
    """The answers of finished orders. Every method raises OrdersUnavailable when the store cannot be used."""

    def put(self, order_id: str, answer: StoredAnswer) -> StoredAnswer:
        """Store the answer of an order, and return it. If the order has one already, return that one."""

    def get(self, order_id: str) -> StoredAnswer | None:
        """Return the answer of an order, or None."""

    def delete(self, order_id: str) -> None:
        """Delete the answer of an order, if there is one."""


class UsageWriter(Protocol):
    """The table of usage events, as an order whose holder has ended needs it."""

    def write(self, order: Order, answer: StoredAnswer | None, now: int) -> str:
        """Write the events that the order owes, and return what its record keeps. Raises UsageUnavailable."""


@frozen_dataclass
class OrderStores:
    """Where orders and their answers are, how long they are kept, and where their charges are settled."""

    table: OrderTable
    answers: AnswerStore
    validity: int = 86_400  # seconds after the end
    ledger: Ledger | None = None  # None: the gateway has no budgets
    usage: UsageWriter | None = None  # None: nothing writes usage events for orders


def find_after_failed_write(read: Callable[[], _Stored | None]) -> _Stored | None:
    """Return what is stored after a write that failed, because perhaps only its answer was lost.

    None: nothing is stored, or the table cannot be read either.
    """
    try:
        return read()
    except OrdersUnavailable:
        return None
