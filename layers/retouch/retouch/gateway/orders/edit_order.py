"""The order of one edit request: how it is found, and how its end is stored.

A request with an idempotency key claims its order before anything else. A request of an SDK without a key is written
only after a moment, beside the edit, because only a retry of the SDK could look for it. Any other request has no order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf

from retouch.core.clock import Clock
from retouch.core.errors import Billed, Fault, OrdersUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.orders.order_end import end_try
from retouch.orders.claimant import Claimant, OrderReplay
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import (
    RUNNING,
    Fingerprint,
    Order,
    OrderSource,
    StoredAnswer,
    order_key,
    random_order_key,
)
from retouch.orders.stores import OrderStores, OrderTable
from retouch.orders.transitions import Claim, claim_order

_log = logging.getLogger("retouch")
# An edit of an SDK that ends sooner is not written. Both SDKs wait at least 0.375 seconds before a retry.
WRITE_AFTER_SECONDS = 0.25
# An order without a key is only found by the SDK's own retries, which end minutes after it.
KEYLESS_VALIDITY_SECONDS = 900
# An SDK sends a retry at most 8 seconds after the failure of the try before it. The upload takes time too.
_JOIN_AFTER_END_SECONDS = 120


@frozen_dataclass
class OrderOptions:
    """What a request says about its order: its key, and how it waits and is answered."""

    key: str | None = None  # the caller's idempotency key
    retry_count: int | None = (
        None  # of an SDK: 0 for its first attempt; None: the client does not say
    )
    max_wait: float = inf  # seconds that the caller waits for the answer of another request
    source: OrderSource = "http"
    is_stream: bool = False  # the caller wants an event stream
    is_required: bool = False  # the operator wants an order for every edit
    is_on_demand: bool = False  # the order is written only when an attempt holds a budget


@frozen_dataclass
class OrderReport:
    """The facts about the order of a request, for headers and the log."""

    id: str
    expires: int  # Unix seconds
    is_replay: bool = False
    is_joined: bool = False  # a retry of an SDK found the order without a key
    is_stream: bool = False  # the caller wants an event stream


class EditOrder:
    """The order of one request. Without a claim it does nothing."""

    def __init__(self, options: OrderOptions, stores: OrderStores, clock: Clock) -> None:
        self.held: HeldOrder | None = None
        self._options, self._clock = options, clock
        self._stores = stores if options.key else replace(stores, validity=KEYLESS_VALIDITY_SECONDS)
        self._make_fingerprint: Callable[[], Fingerprint] = lambda: Fingerprint("")
        self._replay: OrderReplay | None = None
        self._is_joined = False
        self._is_released = False
        self._is_write_due = False  # the edit runs for so long that its order must be written

    @property
    def is_claimed_first(self) -> bool:
        """Whether the order is written before the edit, and not beside it."""
        return self._options.key is not None or self._options.is_required

    def claim(
        self,
        scope: str,
        request_id: str,
        make_fingerprint: Callable[[], Fingerprint],
        lease_seconds: float,
        deadline: float,
    ) -> StoredAnswer | None:
        """Claim the order. Return its answer when another request has finished it, else None.

        Raises IdempotencyKeyReused, OrderInProgress, OrderOutcomeUnknown or OrdersUnavailable.
        """
        options, now = self._options, self._clock.unix_time()
        self._make_fingerprint = lambda: add_scope(make_fingerprint(), scope)
        key = (
            order_key(f"{options.source}:{scope}", options.key)
            if options.key
            else random_order_key()
        )
        claim = Claim(
            key,
            scope,
            Fingerprint(""),
            request_id,
            lease=now + round(lease_seconds),
            validity=self._stores.validity,
            source=options.source,
        )
        if options.key:
            claim = replace(claim, fingerprint=self._make_fingerprint())
        elif options.retry_count:
            claim = self._join(replace(claim, fingerprint=self._make_fingerprint()), now)
        if self._is_joined or self.is_claimed_first:
            return self._run_claim(claim, deadline)
        order = claim_order(None, claim, now)
        self.held = HeldOrder(order, self._stores, self._clock, is_stored=False, deadline=deadline)
        if self._is_write_due:  # the claim was slow
            self.begin()
        return None

    def begin(self) -> None:
        """Start to write the order of an SDK's request without a key, now or after its claim, and do not wait for it.

        Does nothing for any other request.
        """
        self._is_write_due = True
        if self.held and not self._options.is_on_demand:
            self.held.begin(self._make_fingerprint, self._options.retry_count or 0)

    @property
    def is_on_demand(self) -> bool:
        """Whether the order is written only when an attempt holds a budget."""
        return self._options.is_on_demand

    @property
    def has_key(self) -> bool:
        """Whether the caller can send the request again with the same key."""
        return self._options.key is not None

    @property
    def is_released(self) -> bool:
        """Whether a repetition fetches the result that this request did not wait for."""
        return self._is_released

    def end(
        self, fault: Fault | None, billed: Billed, render: Callable[[], StoredAnswer]
    ) -> StoredAnswer | None:
        """Store the end of the order. Return another holder's answer if that one was stored first, else None."""
        held = self.held
        if fault and billed == "no" and fault.should_retry is not False:
            # An SDK repeats this try. It must not get the answer of an equal, earlier order.
            self.begin()
        if held is None or not held.close():
            return None
        end = end_try(held, fault, billed, render)
        self._is_released = end.is_released
        return end.other_answer

    def report(self) -> OrderReport | None:
        """Return the facts about the order, or None when there is no stored order."""
        order = self._replay.order if self._replay else self.held.order if self.held else None
        if order is None or not order.version:
            return None
        return OrderReport(
            order.id,
            order.expires,
            is_replay=self._replay is not None,
            is_joined=self._is_joined,
            is_stream=self._options.is_stream,
        )

    def _run_claim(self, claim: Claim, deadline: float) -> StoredAnswer | None:
        wait_until = min(deadline, self._clock.now() + self._options.max_wait)
        outcome = Claimant(claim, self._stores, self._clock, wait_until, deadline).run()
        if isinstance(outcome, OrderReplay):
            self._replay = outcome
            return outcome.answer
        self.held = outcome
        return None

    def _join(self, claim: Claim, now: int) -> Claim:
        """Return the claim of the order that an earlier try of an SDK began, or the claim as it is."""
        table, fingerprint = self._stores.table, claim.fingerprint.digest
        try:
            for order in find_recent(table, fingerprint, self._options.retry_count or 0, now):
                if table.join_recent(fingerprint, order.key, self._options.retry_count or 0):
                    self._is_joined = True
                    return replace(claim, key=order.key)
        except OrdersUnavailable as error:
            _log.warning("an SDK's retry could not look for its order", exc_info=error)
        return claim


def find_recent(table: OrderTable, fingerprint: str, retry: int, now: int) -> Sequence[Order]:
    """Return the orders that this retry of an SDK may have begun, the best one first.

    A client sends each retry once, so an order that had a retry of this number belongs to another client. The orders
    that run come first, the oldest before the others, because nothing is bought for them. Then come those that ended
    without cost, and those that have just ended, the newest first.
    """
    recent = table.recent_orders(fingerprint, now)
    found = [table.read(key) for key, last in recent.items() if last < retry]
    orders = [one for one in found if one and one.expires > now]
    is_open = [one for one in orders if one.state == "open"]
    running = [one for one in orders if one.state in (*RUNNING, "queued")]
    ended = [
        one
        for one in orders
        if one.state in ("done", "unknown") and one.ended > now - _JOIN_AFTER_END_SECONDS
    ]
    return [*running, *is_open, *reversed(ended)]


def new_order(options: OrderOptions, stores: OrderStores | None, clock: Clock) -> EditOrder | None:
    """Return the order of a request, or None when the gateway has no stores and none is needed.

    Raises OrdersUnavailable when the request needs an order.
    """
    if stores:
        return EditOrder(options, stores, clock)
    if options.key is None and not options.is_required:
        return None
    raise OrdersUnavailable(
        "This gateway has no table of orders, so it cannot prevent a second purchase with the same key. "
        "Set RETOUCH_ORDERS_TABLE on the gateway, or send the request without a key.",
        retryable=False,
    )


def add_scope(fingerprint: Fingerprint, scope: str) -> Fingerprint:
    """Return the fingerprint with the scope in it, because orders without a key are found by their fingerprint."""
    return replace(fingerprint, digest=order_key(scope, fingerprint.digest))
