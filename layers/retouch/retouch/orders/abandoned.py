"""The settlement of an order whose holder's process has ended. A repetition or the sweeper starts it."""

from __future__ import annotations

from dataclasses import replace

from retouch.orders import transitions
from retouch.orders.charges import Ledger, Outcome, advance_charges, are_settled
from retouch.orders.order import Order
from retouch.orders.stores import AnswerStore, OrderConflict, OrderStores, OrderTable


def settle_abandoned(order: Order, stores: OrderStores, now: int) -> Order | None:
    """Store the next record of an order whose lease is over, and return it. None: the order has changed meanwhile.

    A stored answer ends the order. Without one, the order becomes open if nothing was sent, is released if its result
    can be fetched, and else it becomes unknown. Then its charges are settled, also those of an order that has ended.
    """
    try:
        record = record_without_holder(order, stores.answers, now, stores.validity)
        if record != order:
            order = stores.table.write(record, replaces=order)
        return settle_charges(order, stores.table, stores.ledger)
    except OrderConflict:
        return None


def record_without_holder(order: Order, answers: AnswerStore, now: int, validity: int) -> Order:
    """Return the next record of an order whose holder has ended."""
    if order.state == "accepted":
        return (
            transitions.requeue(order, now)
            if order.is_job
            else transitions.reopen(order, now, validity)
        )
    if not (order.is_running or order.state == "unknown"):
        return transitions.decide_order(order, Outcome("unknown"))
    answer = answers.get(order.id)
    if answer:
        return transitions.finish(order, answer, now, validity)
    if order.state == "submitted":
        return transitions.release(order, now, validity)
    return transitions.declare_unknown(order, now, validity)


def settle_charges(order: Order, table: OrderTable, ledger: Ledger | None) -> Order:
    """Make every step of the order's charges that can be made, and return the order as it is stored.

    Raises OrderConflict when the order has changed meanwhile.
    """
    while not are_settled(order.charges):
        charges = advance_charges(order.charges, ledger, order.scope)
        if charges == order.charges:
            break
        order = table.write(replace(order, charges=charges), replaces=order)
    return order
