"""What becomes of an order whose holder's process has ended. A repetition asks for it, and so does the sweeper."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from retouch.orders import transitions
from retouch.orders.order import Order
from retouch.orders.stores import AnswerStore, OrderTable, WriteConflict

_log = logging.getLogger("retouch")
_KEPT_AFTER_SWEEP_SECONDS = 86_400


def settle_abandoned(
    order: Order, table: OrderTable, answers: AnswerStore, now: int, validity: int
) -> Order | None:
    """Store how an order goes on whose lease is over, and return it. None: the order has changed meanwhile.

    An answer that was stored ends it. Without one, nothing was sent (open), or its result can be fetched (parked), or
    nobody knows whether it was bought (unknown).
    """
    try:
        return table.write(_next_record(order, answers, now, validity), replaces=order)
    except WriteConflict:
        return None


def sweep(
    table: OrderTable, answers: AnswerStore, now: int, validity: int = _KEPT_AFTER_SWEEP_SECONDS
) -> Mapping[str, int]:
    """Settle every abandoned order, and return how many there are by their new state."""
    counts: Counter[str] = Counter()
    for order in table.list_abandoned(now):
        settled = settle_abandoned(order, table, answers, now, validity)
        if settled:
            counts[settled.state] += 1
            _log.info(
                "an abandoned order was settled",
                extra={"order": settled.id, "state": settled.state},
            )
    return counts


def _next_record(order: Order, answers: AnswerStore, now: int, validity: int) -> Order:
    if order.state == "accepted":
        return transitions.reopen(order, now, validity)
    answer = answers.get(order.id)
    if answer:
        return transitions.finish(order, answer, now, validity)
    if order.state == "submitted":
        return transitions.park(order, now, validity)
    return transitions.declare_unknown(order, now, validity)
