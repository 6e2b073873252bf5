"""Deliveries: one event on its way to one endpoint. Pure functions from the present record to the next one.

pending ──2xx──> delivered
pending ──failure──> pending until the schedule is over, then failed
pending ──410, endpoint disabled or deleted──> failed
delivered, failed ──redeliver──> pending
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import field, replace
from hashlib import sha256
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.sortable_time import encode_time
from retouch.webhooks.event import Event

DeliveryState = Literal["pending", "delivered", "failed"]
DELIVERY_PREFIX = "whd_"
KEPT_SECONDS = 30 * 86_400
# A pending delivery whose attempt is this late has lost its message.
_LOST_SECONDS = 900
_MAX_KEPT_ATTEMPTS = 20
_HASH_BYTES = 10


@frozen_dataclass
class DeliveryAttempt:
    """One attempt. `status` is 0 when there was no response, and `reason` says why it failed."""

    time: int
    status: int
    milliseconds: int
    reason: str = ""


@frozen_dataclass
class Delivery:
    """A delivery as it is stored. Times are Unix seconds."""

    id: str
    scope: str
    endpoint: str  # its id
    message: str  # the id of the event
    type: str
    text: str = field(repr=False)  # the body, which every attempt sends byte for byte
    state: DeliveryState
    created: int
    due: int  # when the next attempt may begin
    expires: int
    lease: int = 0  # until then another sender may be in its attempt
    failures: int = 0  # of the present run through the schedule
    attempts: tuple[DeliveryAttempt, ...] = ()
    version: str = ""


def new_delivery(event: Event, scope: str, endpoint: str, now: int) -> Delivery:
    """Return the delivery of an event to an endpoint. Its id depends on nothing else."""
    digest = sha256(f"{endpoint} {event.id}".encode()).digest()[:_HASH_BYTES]
    return Delivery(
        id=f"{DELIVERY_PREFIX}{encode_time(event.time)}{b32encode(digest).decode().lower()}",
        scope=scope,
        endpoint=endpoint,
        message=event.id,
        type=event.type,
        text=event.text,
        state="pending",
        created=event.time,
        due=now,
        expires=now + KEPT_SECONDS,
    )


def begin_attempt(delivery: Delivery, lease: int) -> Delivery:
    """Return the delivery during an attempt, which has surely ended at the time `lease`."""
    return replace(delivery, lease=lease)


def add_success(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    """Return the delivery after an attempt that the endpoint accepted."""
    return _add_attempt(replace(delivery, state="delivered"), attempt)


def add_failure(delivery: Delivery, attempt: DeliveryAttempt, due: int | None) -> Delivery:
    """Return the delivery after a failed attempt. `due` is the time of the next one. None: there is no other."""
    failed = replace(delivery, failures=delivery.failures + 1)
    if due is None:
        return _add_attempt(replace(failed, state="failed"), attempt)
    return _add_attempt(replace(failed, due=due), attempt)


def give_up(delivery: Delivery, reason: str, now: int) -> Delivery:
    """Return the delivery that is not tried any more. No request was sent."""
    return _add_attempt(replace(delivery, state="failed"), DeliveryAttempt(now, 0, 0, reason))


def restart(delivery: Delivery, now: int) -> Delivery:
    """Return the delivery with a new run through the schedule."""
    return replace(
        delivery, state="pending", due=now, lease=0, failures=0, expires=now + KEPT_SECONDS
    )


def is_lost(delivery: Delivery, now: int) -> bool:
    """Return whether the message of a pending delivery did not come."""
    return max(delivery.due, delivery.lease) + _LOST_SECONDS < now


def _add_attempt(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    attempts = (*delivery.attempts, attempt)[-_MAX_KEPT_ATTEMPTS:]
    return replace(delivery, attempts=attempts, lease=0)
