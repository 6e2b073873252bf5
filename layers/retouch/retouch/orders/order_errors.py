"""The errors of orders, with their messages."""

from __future__ import annotations

from retouch.core.errors import (
    Fault,
    IdempotencyKeyReused,
    JobConflict,
    OrderInProgress,
    OrderOutcomeUnknown,
    OrdersUnavailable,
)
from retouch.orders.idempotency_key import HEADER_NAME
from retouch.orders.order import Fingerprint, Order

_RETRY_AFTER_SECONDS = 5


class CreationUncertain(OrdersUnavailable):
    """A table has not answered, so nobody knows whether the job or the batch is stored. The message names its id."""

    billed = "unknown"


def uncertain_error(path: str, cause: OrdersUnavailable) -> CreationUncertain:
    """Return the error for a job or a batch that may be stored. `path` is where it would be."""
    identifier = path.rpartition("/")[2]
    return CreationUncertain(
        f"The table has not answered, so nobody knows whether {identifier} exists. If it does, it is made and paid "
        f"for. GET {path} tells it.",
        retry_after=cause.retry_after,
    )


def add_remedy(error: CreationUncertain, *, is_repeatable: bool) -> Fault:
    """Return the error with what the caller can do. A repeatable request finds what its first try has stored."""
    if is_repeatable:
        return error.with_free_repetition("Send the same request again: it gets the same object.")
    return error.with_remedy(
        "If it does not exist after a minute, send the request again. A request with an Idempotency-Key can be "
        "repeated at once."
    )


def in_progress_error() -> OrderInProgress:
    """Return the error for a request whose order another request still holds."""
    return OrderInProgress(
        "An equal request still works on this order. Send the request again with the same key: it gets the same "
        "answer, and nothing is bought twice.",
        retry_after=_RETRY_AFTER_SECONDS,
    )


def reused_error(stored: Order, fingerprint: Fingerprint) -> IdempotencyKeyReused:
    """Return the error for a request whose key belongs to another request."""
    name = stored.fingerprint.first_difference(fingerprint)
    return IdempotencyKeyReused(
        f"This {HEADER_NAME} belongs to another request: '{name}' differs. Use one key for each image that you want, "
        "and the same key only to send the same request again.",
        param=HEADER_NAME,
    )


def unknown_error(stored: Order) -> OrderOutcomeUnknown:
    """Return the error for an order whose answer nobody knows."""
    if stored.state == "done":
        problem = "has ended, but its answer is no longer stored"
    else:
        problem = "broke off after the edit was sent, so nobody knows whether it was paid for"
    return OrderOutcomeUnknown(
        f"The order {stored.id} {problem}. It is not bought again with this key. Ask the operator to look it up, or "
        "send the request with a new key to buy the image again.",
        billed=stored.billed,
    )


def cancelled_error(stored: Order) -> JobConflict:
    """Return the error for a request whose key belongs to a cancelled job."""
    return JobConflict(
        f"The job of this {HEADER_NAME}, order {stored.id}, was cancelled or did not begin in time. Use a new key to "
        "make the edit.",
        code="job_cancelled",
        param=HEADER_NAME,
    )
