"""The end of a try of an order. A request whose caller waits and a worker end it in the same way."""

from __future__ import annotations

from collections.abc import Callable

from retouch.core.errors import Billed, Fault, OrderInProgress
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.orders.held_order import HeldOrder
from retouch.orders.jobs import CONFLICT_PAUSE, PENDING_PAUSE, UNWRITTEN_PAUSE, Pause
from retouch.orders.order import StoredAnswer


@frozen_dataclass
class TryEnd:
    """What became of an order after a try."""

    other_answer: StoredAnswer | None = None  # of another holder, which was stored first
    is_released: bool = False  # a later holder fetches the result that this one did not wait for
    pause: Pause | None = None  # before the next try of a job


def end_try(
    held: HeldOrder,
    fault: Fault | None,
    billed: Billed,
    render: Callable[[], StoredAnswer],
    retry: Pause | None = None,
) -> TryEnd:
    """Store how a try has ended. `retry` is the pause before the next try of a job that may succeed then.

    What may have been paid for is stored, and what was free is not: it opens the order, or queues the job again. The
    last free failure of a job is stored, because its caller comes back for it.
    """
    if isinstance(
        fault, OrderInProgress
    ):  # another holder has the order, or the caller has cancelled it
        return TryEnd(pause=CONFLICT_PAUSE)
    if must_release(held, fault):
        held.release()
        return TryEnd(is_released=held.is_stored, pause=PENDING_PAUSE)
    if fault and billed == "no":
        if retry:
            held.requeue(retry.seconds)
            return TryEnd(pause=retry)
        if not held.order.is_job:
            held.reopen()
            return TryEnd()
    answer = render()
    stored = held.finish(answer)
    return TryEnd(
        other_answer=None if stored == answer else stored,
        pause=None if held.order.state == "done" else UNWRITTEN_PAUSE,
    )


def must_release(held: HeldOrder, fault: Fault | None) -> bool:
    """Return whether the order has a provider's job whose result is still to be fetched.

    That is also so when nobody asked for the job, for example because an image of the request could not be fetched.
    `fault` is the failure of the edit, if it failed.
    """
    if not held.is_pending:
        return False
    was_not_asked = fault is not None and held.is_resumed and not held.is_continued
    return was_not_asked or held.has_unfetched_job or (fault is not None and fault.is_pending)
