"""The creation of a job: its record, what it reserves of budgets, and its message.

A job exists as soon as its record is stored. From then on it is carried out, even if its request fails.
"""

from __future__ import annotations

import logging
from typing import Protocol

from retouch.core.errors import BudgetUnavailable, Fault, OrdersUnavailable
from retouch.orders import transitions
from retouch.orders.charges import Charges
from retouch.orders.jobs import JobStores, job_id, send_stored_job
from retouch.orders.order import Order
from retouch.orders.order_errors import CreationUncertain, uncertain_error
from retouch.orders.stores import OrderConflict, OrderTable, find_after_failed_write
from retouch.orders.transitions import Claim, JobDetails

_log = logging.getLogger("retouch")


class Reservation(Protocol):
    """The most that a job may cost, in the budgets that its edit must pass."""

    def charges(self, name: str) -> Charges:
        """Return the charges of the job. Each waits in its row under the name."""

    def reserve(self, name: str) -> None:
        """Add the waiting amounts to the rows. Raises Fault when there is no room or no table."""


def submit_job(
    stored: Order | None,
    claim: Claim,
    details: JobDetails,
    request: bytes,
    stores: JobStores,
    now: int,
    reservation: Reservation | None = None,
) -> Order:
    """Store a request as a queued job and send its message.

    The job names what it reserves of budgets before it is reserved, so the sweeper releases it after a crash. Raises
    OrdersUnavailable, OrderConflict, or the Fault of the reservation, after which there is no job, and
    CreationUncertain. A failure of the stores after that is no error, because the sweeper sends the message of the job
    that is stored, and it is bought.
    """
    order = transitions.queue_job(stored, claim, details, now)
    name, validity = order.next_hold, stores.orders.validity
    if reservation:
        order = transitions.add_charges(order, reservation.charges(name), validity)
    stores.requests.put(order.id, request)
    order = _store_job(order, stored, stores.orders.table)
    if reservation:
        _reserve(order, name, reservation, stores, now)
    send_stored_job(order, stores.queue)
    return order


def _store_job(order: Order, replaces: Order | None, table: OrderTable) -> Order:
    """Write the record of a job, and return it. When the answer to the write is lost, read whether it is stored.

    Raises OrderConflict and CreationUncertain.
    """
    try:
        return table.write(order, replaces=replaces)
    except OrdersUnavailable as error:
        stored = find_after_failed_write(lambda: table.read(order.key))
        if stored is None or stored == replaces:  # the write may still arrive
            raise _uncertain_error(order, error) from error
    if (stored.id, stored.fingerprint.digest) != (order.id, order.fingerprint.digest):
        raise OrderConflict(stored)
    return stored


def _uncertain_error(order: Order, cause: OrdersUnavailable) -> CreationUncertain:
    return uncertain_error(f"/v1/images/edits/{job_id(order)}", cause)


def _reserve(
    order: Order, name: str, reservation: Reservation, stores: JobStores, now: int
) -> None:
    """Reserve the amounts of a job. Raises the Fault of the reservation, and CreationUncertain.

    Raises OrderConflict when the job has ended or was begun before, because then nobody would release the amounts.
    """
    try:
        reservation.reserve(name)
    except Fault:
        _withdraw_job(order, stores, now)
        raise
    try:
        stored = stores.orders.table.read(order.key)
    except OrdersUnavailable as error:
        _log.warning("the reservation of a job was not checked", exc_info=error)
        return  # a job that has just been stored has hardly ended
    charges = stored.charges if stored and stored.id == order.id else ()
    if any(one.hold == name and one.state == "waiting" for one in charges):
        return
    _release_all(reservation.charges(name), stores)
    raise OrderConflict(stored)


def _withdraw_job(order: Order, stores: JobStores, now: int) -> None:
    """End a job that finds no room in a budget. No caller knows of it yet.

    Raises OrderConflict when a worker has it, and CreationUncertain.
    """
    table = stores.orders.table
    try:
        order = table.write(transitions.reopen(order, now, stores.orders.validity), replaces=order)
        _release_all(order.charges, stores)
        table.remove(order)
    except BudgetUnavailable:
        return  # the sweeper releases the amounts
    except OrdersUnavailable as error:
        raise _uncertain_error(order, error) from error


def _release_all(charges: Charges, stores: JobStores) -> None:
    """Remove the amounts that this request has added to their rows. Raises BudgetUnavailable."""
    for charge in charges if stores.orders.ledger else ():
        assert stores.orders.ledger, "without it, nothing is reserved"
        stores.orders.ledger.release(charge)
