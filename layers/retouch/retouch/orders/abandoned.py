"""The settlement of an order whose holder's process has ended. A repetition or the sweeper starts it."""

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
    """Store the next record of an order whose lease is over, and return it. None: the order has changed meanwhile.

    A stored answer ends the order. Without one, the order becomes open if nothing was sent, is released if its result
    can be fetched, and else it becomes unknown.
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
        return (
            transitions.requeue(order) if order.is_job else transitions.reopen(order, now, validity)
        )
    answer = answers.get(order.id)
    if answer:
        return transitions.finish(order, answer, now, validity)
    if order.state == "submitted":
        return transitions.release(order, now, validity)
    return transitions.declare_unknown(order, now, validity)
