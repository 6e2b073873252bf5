"""The state machine of an order: pure functions from the present record to the next one.

A table writes the next record only if the present one is still stored, so two processes never both make a transition.

    absent, open ──claim──> accepted ──send mark──> sent ──response of the provider──> submitted
    accepted whose lease is over ──claim──> accepted
    submitted whose lease is over ──claim──> submitted: the new holder fetches the result
    accepted, sent, submitted ──answer──> done         (paid, maybe paid, or a success)
    accepted, sent, submitted ──free failure──> open
    sent whose lease is over ──> unknown ──late answer of the same holder, or the operator──> done

A job begins as queued, and its free failures are its end:

    absent, open ──request──> queued ──claim of a worker──> accepted
    accepted, sent ──free failure that may pass──> queued
    queued, accepted ──cancel──> cancelled
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Literal, cast

from retouch.core.errors import Billed
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import Cost, to_micro_dollars
from retouch.orders.charges import (
    Charges,
    Outcome,
    decide_charges,
    drop_taken_charges,
    release_waiting_charges,
    restore_charges,
)
from retouch.orders.order import (
    EVENT_SOURCES,
    EVENT_VALIDITY_SECONDS,
    RUNNING,
    Fingerprint,
    Order,
    OrderSource,
    StoredAnswer,
    Submission,
    order_id,
)

# "claim": write the claim. "wait": another request holds the order. "settle": the holder has ended after the send mark.
# "reused": the order is for another request. "done", "unknown" and "cancelled": the end of the order.
ClaimDecision = Literal["claim", "wait", "settle", "reused", "done", "unknown", "cancelled"]
_COST_HEADER = "x-retouch-cost-usd"
_KEPT_FOR_BATCH_SECONDS = 86_400  # after the window of the batch

# A waiting job whose message is not received after this time may have lost it.
MESSAGE_SECONDS = 60


@frozen_dataclass
class Claim:
    """The values of a request that wants to hold an order. Times are Unix seconds."""

    key: str
    scope: str
    fingerprint: Fingerprint
    request_id: str
    lease: int
    validity: int  # seconds that the order is kept after its end
    source: OrderSource = "http"


def expiry_time(source: OrderSource, start: int, validity: int) -> int:
    """Return until when an order is kept that ends at `start`. The order of an event is kept for longer."""
    is_event = source in EVENT_SOURCES
    return start + (max(validity, EVENT_VALIDITY_SECONDS) if is_event else validity)


def decide_claim(order: Order | None, claim: Claim, now: int) -> ClaimDecision:
    """Return what becomes of a claim when `order` is stored."""
    if order is None or order.expires <= now:
        return "claim"
    if order.fingerprint.digest != claim.fingerprint.digest:
        # An order that was never sent can be corrected.
        is_unsent = order.state == "open" and order.attempt == 0 and not order.is_job
        return "claim" if is_unsent else "reused"
    if order.state == "queued":
        return "wait"
    if order.state in RUNNING and order.lease > now and not order.is_released:
        return "wait"
    if order.state in ("done", "unknown", "cancelled"):
        return cast(ClaimDecision, order.state)
    return "claim" if order.state in ("open", "accepted") or order.is_released else "settle"


def claim_order(order: Order | None, claim: Claim, now: int) -> Order:
    """Return the record of an order that the request holds. A submitted order keeps its submissions."""
    if order is None or order.expires <= now:
        return Order(
            key=claim.key,
            id=order_id(claim.key, now),
            scope=claim.scope,
            state="accepted",
            fingerprint=claim.fingerprint,
            fence=1 if order is None else order.fence + 1,
            holder=claim.request_id,
            lease=claim.lease,
            created=now,
            expires=expiry_time(claim.source, claim.lease, claim.validity),
            source=claim.source,
            version="" if order is None else order.version,
        )
    return replace(
        order,
        state="submitted" if order.submissions else "accepted",
        fingerprint=claim.fingerprint,
        fence=order.fence + 1,
        holder=claim.request_id,
        lease=claim.lease,
        expires=expiry_time(order.source, claim.lease, claim.validity),
    )


@frozen_dataclass
class JobDetails:
    """What a job has besides its claim."""

    model: str  # that its plan chose
    begin_by: int  # when a worker must have begun it
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhooks: str = ""  # the ids of the endpoints that get its event
    destination: str = ""
    batch: str = ""  # the id of the batch that it is a line of


def queue_job(order: Order | None, claim: Claim, details: JobDetails, now: int) -> Order:
    """Return the record of a job that waits for a worker."""
    job = replace(
        claim_order(order, claim, now),
        model=details.model,
        begin_by=details.begin_by,
        metadata=details.metadata,
        webhooks=details.webhooks,
        destination=details.destination,
        batch=details.batch,
        expires=expiry_time(claim.source, details.begin_by, claim.validity),
    )
    lease = _message_time(job, now)
    return replace(job, state="queued", submissions=(), holder="", lease=lease)


def claim_job(order: Order, request_id: str, lease: int, validity: int, now: int) -> Order:
    """Return the job as a worker holds it. A submitted one keeps its submissions."""
    claim = Claim(order.key, order.scope, order.fingerprint, request_id, lease, validity)
    return replace(claim_order(order, claim, now), started=order.started or now)


def requeue(order: Order, now: int, pause: int = 0) -> Order:
    """Return the job as it waits for a worker again, whose message comes after a pause."""
    lease = _message_time(order, now + pause)
    order = _release_charges(order)
    return replace(order, state="queued", submissions=(), holder="", lease=lease)


def remind(order: Order, now: int) -> Order:
    """Return the waiting job whose message is sent again. The next time is later, as many jobs may wait for long."""
    return replace(order, lease=now + max(MESSAGE_SECONDS, now - order.created))


def cancel(order: Order, now: int, validity: int) -> Order:
    """Return the job after its caller has cancelled it, or after the time to begin it. Nothing was sent."""
    order = _end_charges(order, Outcome("no"))
    cancelled = replace(
        order,
        state="cancelled",
        holder="",
        lease=0,
        ended=now,
        expires=end_expiry(order, now, validity),
    )
    return _add_event(cancelled, now)


def mark_sent(order: Order, target: str, now: int) -> Order:
    """Return the order with a send mark for one attempt. Submissions of earlier, free attempts are dropped."""
    return replace(
        order,
        state="sent",
        attempt=order.attempt + 1,
        target=target,
        sent_at=now,
        submissions=(),
        charges=release_waiting_charges(order.charges),
    )


def add_charges(order: Order, charges: Charges, validity: int) -> Order:
    """Return the order with what its next attempt will hold of budgets."""
    return replace(
        order,
        charges=(*order.charges, *charges),
        holds=order.holds + 1,
        expires=max(order.expires, order.lease + validity),
    )


def decide_order(order: Order, outcome: Outcome) -> Order:
    """Return the order with what its held charges become."""
    return replace(order, charges=decide_charges(order.charges, outcome))


def release_waiting(order: Order) -> Order:
    """Return the order after its waiting amounts are no longer needed."""
    return replace(order, charges=release_waiting_charges(order.charges))


def take_over_waiting(order: Order, rows: Collection[tuple[str, str]]) -> Order:
    """Return the order after an attempt holds its budgets, and has taken over what waited in these rows."""
    return release_waiting(replace(order, charges=drop_taken_charges(order.charges, rows)))


def _end_charges(order: Order, outcome: Outcome) -> Order:
    return decide_order(release_waiting(order), outcome)


def add_submission(order: Order, submission: Submission) -> Order:
    """Return the order with a provider's response that a later holder can continue with."""
    return replace(order, state="submitted", submissions=(*order.submissions, submission))


def finish(order: Order, answer: StoredAnswer, now: int, validity: int) -> Order:
    """Return the order with its final answer. What was at risk is restored when the answer says what it cost."""
    outcome = Outcome(answer.billed, answer.price, answer.tokens)
    charges = _end_charges(order, outcome).charges
    if answer.billed != "unknown":
        charges = restore_charges(charges, order.last_hold, outcome)
    done = replace(
        order,
        charges=charges,
        state="done",
        submissions=(),
        status=answer.status,
        billed=answer.billed,
        cost=answer.cost,
        caller_cost=_caller_cost(answer),
        price=answer.price or 0,
        ended=now,
        expires=end_expiry(order, now, validity),
    )
    return _add_event(done, now)


def _caller_cost(answer: StoredAnswer) -> str:
    """Return the cost in the headers of an answer, if that is not the provider's."""
    shown = answer.headers.get(_COST_HEADER, "")
    return "" if shown == answer.cost else shown


def reopen(order: Order, now: int, validity: int) -> Order:
    """Return the order after a try that cost nothing, ready for another try of the same request."""
    return replace(
        _release_charges(release_waiting(order)),
        state="open",
        submissions=(),
        holder="",
        lease=0,
        ended=now,
        expires=end_expiry(order, now, validity),
    )


def release(order: Order, now: int, validity: int) -> Order:
    """Return the submitted order without a holder. The next repetition, or the next message, fetches its result."""
    lease = _message_time(order, now) if order.is_job else 0
    order = _end_charges(order, Outcome("unknown"))
    return replace(order, holder="", lease=lease, expires=end_expiry(order, now, validity))


def declare_unknown(order: Order, now: int, validity: int) -> Order:
    """Return the order whose holder ended after the send mark. It keeps its holder, whose late answer ends it."""
    order = _end_charges(order, Outcome("unknown"))
    unknown = replace(
        order,
        state="unknown",
        billed="unknown",
        ended=now,
        expires=end_expiry(order, now, validity),
    )
    return _add_event(unknown, now)


def drop_event(order: Order) -> Order:
    """Return the job whose event is queued."""
    return replace(order, event="", lease=0)


def _add_event(order: Order, now: int) -> Order:
    """Return the ended job with its event, if an endpoint gets it. The sweeper looks for it after a while."""
    lease = now + MESSAGE_SECONDS
    return replace(order, event="pending", lease=lease) if order.webhooks else order


def reconcile(
    order: Order,
    billed: Billed,
    cost: str,
    now: int,
    validity: int,
    *,
    price: int | None = None,
) -> Order:
    """Return the order after the operator has found out whether it was billed. What was at risk is no longer.

    A free one whose answer nobody knows is open again. Without a price, the budgets are charged the cost. The order is
    not kept for a shorter time than before, because its key was promised to be valid until then.
    """
    caller_cost = "" if price is None else str(Cost(price, estimated=False))
    if price is None and cost:
        price = to_micro_dollars(float(cost))
    charges = restore_charges(order.charges, order.last_hold, Outcome(billed, price))
    order = replace(order, billed=billed, charges=charges)
    if billed == "no" and order.state == "unknown":
        return reopen(order, now, validity)
    return replace(
        order,
        state="done",
        cost=cost,
        caller_cost=caller_cost,
        price=price or 0,
        ended=now,
        expires=max(order.expires, end_expiry(order, now, validity)),
    )


def _release_charges(order: Order) -> Order:
    """Return the order whose last attempt cost nothing, also when that was not known before."""
    outcome = Outcome("no")
    charges = decide_charges(order.charges, outcome)
    return replace(order, charges=restore_charges(charges, order.last_hold, outcome))


def can_be_reconciled(order: Order) -> bool:
    """Return whether nobody knows yet whether the order was billed."""
    return order.state == "unknown" or (order.state == "done" and order.billed == "unknown")


def _message_time(order: Order, now: int) -> int:
    """Return when the message of a waiting job should have come. A line may wait for the whole window of its batch."""
    usual = now + MESSAGE_SECONDS
    return max(usual, order.begin_by) if order.batch else usual


def end_expiry(order: Order, now: int, validity: int) -> int:
    """Return until when an ended order is kept. A job of a batch is kept until the results of the batch are written."""
    kept = order.begin_by + _KEPT_FOR_BATCH_SECONDS if order.batch else 0
    return max(expiry_time(order.source, now, validity), kept)


def is_still_holder(stored: Order | None, held: Order) -> bool:
    """Return whether the holder of `held` still has the order when `stored` is in the table.

    An order that was declared unknown still belongs to its last holder.
    """
    return stored is not None and (stored.id, stored.fence, stored.holder) == (
        held.id,
        held.fence,
        held.holder,
    )
