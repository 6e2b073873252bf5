"""The claim of an order: a request gets the order, waits for it, or gets the answer of the request that had it."""

from __future__ import annotations

from dataclasses import field
from math import inf

from retouch.core.clock import Clock
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.orders import transitions
from retouch.orders.abandoned import settle_abandoned
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.order_errors import (
    cancelled_error,
    in_progress_error,
    reused_error,
    unknown_error,
)
from retouch.orders.stores import OrderConflict, OrderStores
from retouch.orders.transitions import Claim, ClaimDecision

# Pauses of a request that waits for the answer of another one. Each asks the table once.
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 2.0


@frozen_dataclass
class OrderReplay:
    """The stored answer of an order that another request has finished."""

    order: Order
    answer: StoredAnswer


@frozen_dataclass
class Claimant:
    """A request that claims an order, and waits for its answer while another request holds it."""

    claim: Claim
    stores: OrderStores
    clock: Clock
    wait_until: float  # on the clock's scale
    deadline: float = inf  # of the request, on the clock's scale
    _pauses: list[float] = field(default_factory=list)

    def run(self) -> HeldOrder | OrderReplay:
        """Return the order that this request now holds, or the answer of an order that is done.

        Raises IdempotencyKeyReused, OrderInProgress, OrderOutcomeUnknown or OrdersUnavailable.
        """
        stored: Order | None = None
        while True:
            outcome = self._step(stored)
            if isinstance(outcome, HeldOrder | OrderReplay):
                return outcome
            stored = outcome

    def _step(self, stored: Order | None) -> HeldOrder | OrderReplay | Order | None:
        """Act on the order that is stored as far as known. Return it as it is stored after that, or the end."""
        now = self.clock.unix_time()
        decision = transitions.decide_claim(stored, self.claim, now)
        if decision == "claim":
            return self._try_claim(stored, now)
        assert stored is not None, "only a claim needs no order"
        if decision == "settle":
            settle_abandoned(stored, self.stores, now)
            return self.stores.table.read(self.claim.key)
        if decision == "wait":
            self._pause()
            return self.stores.table.read(self.claim.key)
        return self._end(stored, decision)

    def _try_claim(self, stored: Order | None, now: int) -> HeldOrder | Order | None:
        order = transitions.claim_order(stored, self.claim, now)
        try:
            order = self.stores.table.write(order, stored)
            return HeldOrder(order, self.stores, self.clock, deadline=self.deadline)
        except OrderConflict as conflict:
            return conflict.stored

    def _end(self, stored: Order, decision: ClaimDecision) -> OrderReplay:
        if decision == "reused":
            raise reused_error(stored, self.claim.fingerprint)
        if decision == "cancelled":
            raise cancelled_error(stored)
        answer = self.stores.answers.get(stored.id)
        if answer is None:
            raise unknown_error(stored)
        if decision == "unknown":  # a late answer of the last holder
            settle_abandoned(stored, self.stores, self.clock.unix_time())
        return OrderReplay(stored, answer)

    def _pause(self) -> None:
        pause = min(_FIRST_PAUSE_SECONDS * 1.5 ** len(self._pauses), _MAX_PAUSE_SECONDS)
        if self.clock.now() + pause > self.wait_until:
            raise in_progress_error()
        self._pauses.append(pause)
        self.clock.sleep(pause)
