"""The settlement of an order whose holder's process has ended. A repetition or the sweeper starts it."""

from __future__ import annotations

from retouch.orders import transitions
from retouch.orders.order import Order
from retouch.orders.stores import AnswerStore, OrderTable, WriteConflict


def settle_abandoned(
    order: Order, table: OrderTable, answers: AnswerStore, now: int, validity: int
) -> Order | None:
    """Store the next record of an order whose lease is over, and return it. None: the order has changed meanwhile.

    A stored answer ends the order. Without one, the order becomes open if nothing was sent, is released if its result
    can be fetched, and else it becomes unknown.
    """
    try:
        return table.write(record_without_holder(order, answers, now, validity), replaces=order)
    except WriteConflict:
        return None


def record_without_holder(order: Order, answers: AnswerStore, now: int, validity: int) -> Order:
    """Return the next record of an order whose holder has ended."""
    if order.state == "accepted":
        return (
            transitions.requeue(order, now)
            if order.is_job
            else transitions.reopen(order, now, validity)
        )
    answer = answers.get(order.id)
    if answer:
        return transitions.finish(order, answer, now, validity)
    if order.state == "submitted":
        return transitions.release(order, now, validity)
    return transitions.declare_unknown(order, now, validity)
