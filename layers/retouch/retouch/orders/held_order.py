"""An order that a request holds, from its claim to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from math import inf
from typing import Protocol, TypeVar

from retouch.core.clock import Clock
from retouch.core.concurrency.heartbeat import is_done_within
from retouch.core.errors import OrderInProgress, OrdersUnavailable
from retouch.orders import transitions
from retouch.orders.abandoned import settle_charges
from retouch.orders.charges import (
    Charges,
    Outcome,
    are_settled,
    drop_taken_charges,
    restore_charges,
    return_charges,
    settle_due_charges,
)
from retouch.orders.order import Fingerprint, Order, StoredAnswer, Submission
from retouch.orders.order_errors import in_progress_error
from retouch.orders.stores import OrderConflict, OrderStores

Result = TypeVar("Result")


class UsageLineSource(Protocol):
    """What the record of an order keeps of the usage of its request."""

    def lines_at_send_mark(self) -> str:
        """Return what the record keeps while a paid request runs."""

    def lines_at_end(self) -> str:
        """Return what the record keeps after the end."""

    def all_lines(self) -> str:
        """Return every line, also of events that are written."""


_log = logging.getLogger("retouch")
_END_PAUSES_SECONDS = (0.5, 0.5, 0.5)
# An edit waits no longer for a write that it does not need. The write goes on, and the sweeper repairs what is missing.
_OPTIONAL_WAIT_SECONDS, _MAX_WAIT_SECONDS = 0.5, 5.0
# At the deadline the end of an order still gets this part of the margin for sending the response.
_MIN_WAIT_SECONDS = 0.5
# An order with charges is kept until the sweeper and the operator have surely seen it.
CHARGED_VALIDITY_SECONDS = 86_400


class HeldOrder:
    """An order that this request holds. Parallel calls of one edit may share it.

    An order that is not `is_stored` exists only here until `begin` writes it. Its edit does not wait for the table,
    and it goes on when the table fails. One thread makes all writes in their order, so a slow store delays an edit only
    as long as the edit wants to wait.
    """

    def __init__(
        self,
        order: Order,
        stores: OrderStores,
        clock: Clock,
        *,
        is_stored: bool = True,
        deadline: float = inf,  # of the request, on the clock's scale
        end_pauses: Sequence[float] = _END_PAUSES_SECONDS,
    ) -> None:
        """Hold an order. After each of `end_pauses`, in seconds, a failed write of its end is tried again."""
        self.order = order
        self._end_pauses = end_pauses
        self._stores, self._clock, self._deadline = stores, clock, deadline
        self._is_stored, self._has_ended = is_stored, False
        self._has_begun = self._is_required = is_stored
        self._lock = threading.Lock()  # is never held during a write
        self._writer = ThreadPoolExecutor(1, "order")
        self._context = (
            copy_context()
        )  # a write may outlive the request, and its log lines belong to it
        # Whether a conversation has gone on with a response of an earlier holder.
        self.is_continued = False
        # Whether the provider may still have a result that this request could not fetch.
        self.has_unfetched_job = False
        self.usage_notes: UsageLineSource | None = None  # None: the usage is not counted
        self._resumed: Mapping[tuple[str, int], tuple[Submission, ...]] = _group_by_job(
            order.submissions
        )

    @property
    def is_stored(self) -> bool:
        """Whether the order is in the table."""
        return self._is_stored

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier holder has bought the edit, so that only its result is missing."""
        return bool(self._resumed)

    @property
    def is_pending(self) -> bool:
        """Whether the provider has a job of this order that can still be asked for its result."""
        return self.order.state == "submitted"

    def begin(self, make_fingerprint: Callable[[], Fingerprint], retry: int = 0) -> None:
        """Start to write the order if it is not in the table yet, and do not wait, because the edit already runs."""
        with self._lock:
            if self._has_begun or self._has_ended:
                return
            self._has_begun = True
            self._writer.submit(self._context.run, self._write_first, make_fingerprint, retry)

    @property
    def next_hold(self) -> str:
        """The name of what the next attempt holds of budgets."""
        return self.order.next_hold

    def note_charges(self, charges: Charges) -> None:
        """Write what the next attempt will hold of budgets, before it holds anything.

        Raises OrderInProgress when the order is lost to another request, and OrdersUnavailable.
        """
        with self._lock:
            self._has_begun = self._is_required = True
            self._stores = replace(
                self._stores, validity=max(self._stores.validity, CHARGED_VALIDITY_SECONDS)
            )
            note = self._writer.submit(self._context.run, self._write_charges, charges)
        if not is_done_within(note, self._remaining()):
            raise OrdersUnavailable("The table of orders is too slow, so nothing was bought.")
        note.result()

    def settle_charges(self, outcome: Outcome) -> None:
        """Settle what the attempt holds of budgets. The next write stores what is left, and the sweeper repairs it."""
        self._settle(lambda order: transitions.decide_order(order, outcome))

    def return_charges(self, taken_over: Collection[tuple[str, str]] = ()) -> None:
        """Let what an attempt of a job holds wait for the next one, because this one cost nothing.

        `taken_over` are the rows, each an account and a period, whose waiting amounts the attempt had taken over.
        """
        ledger = self._stores.ledger

        def change(order: Order) -> Order:
            charges = drop_taken_charges(order.charges, taken_over)
            return replace(order, charges=return_charges(charges, ledger))

        self._settle(change)

    def take_over_waiting(self, rows: Collection[tuple[str, str]]) -> None:
        """Drop the waiting amounts of the job that this attempt has taken over, and release the others.

        A row is an account and a period.
        """
        self._settle(lambda order: transitions.take_over_waiting(order, rows))

    def _settle(self, decide: Callable[[Order], Order]) -> None:
        if not self.order.charges:
            return
        with self._lock:
            settlement = self._writer.submit(self._context.run, self._settle_charges, decide)
        if is_done_within(settlement, _MAX_WAIT_SECONDS):
            settlement.result()

    def mark_sent(self, target: str) -> None:
        """Write the send mark before the first byte of a paid request.

        Raises OrderInProgress when the order is lost to another request, and OrdersUnavailable.
        """
        with self._lock:
            if not self._has_begun:
                self.order = self._sent_order(target)
                return
            mark = self._writer.submit(self._context.run, self._write_mark, target)
        seconds = self._remaining() if self._is_required else _OPTIONAL_WAIT_SECONDS
        try:
            if not is_done_within(mark, seconds):
                raise OrdersUnavailable("The table of orders is too slow, so nothing was bought.")
            mark.result()
        except OrdersUnavailable:
            if self._is_required:
                raise

    def add_submission(self, submission: Submission) -> None:
        """Write a provider's response that a later holder can continue with. A failure goes to the log."""
        with self._lock:
            write = self._writer.submit(self._context.run, self._write_submission, submission)
        if is_done_within(write, _OPTIONAL_WAIT_SECONDS):
            write.result()

    def submissions_of(self, target: str, job: int) -> tuple[Submission, ...]:
        """Return the responses that an earlier holder got in this conversation."""
        return self._resumed.get((target, job), ())

    def close(self) -> bool:
        """Write nothing more except the end. Return whether the order is or may be stored, so that it needs an end."""
        with self._lock:
            self._has_ended = True
            return self._has_begun

    def finish(self, answer: StoredAnswer) -> StoredAnswer:
        """Store the answer, and return the answer that is stored, which a frozen holder may have stored first.

        A paid answer is never lost to a failure of the stores: it is returned, and the failure goes to the log. It does
        not wait for slow stores either: the writes go on, and a late answer ends the order.
        """
        return self._end(lambda: self._write_answer(answer)) or answer

    def reopen(self) -> None:
        """Open the order for another try, because this one cost nothing."""
        self._end(lambda: self._write_end(transitions.reopen))

    def requeue(self, pause: int) -> None:
        """Let the job wait for a worker again, because this try cost nothing and the next one may succeed."""
        self._end(
            lambda: self._write_end(lambda order, now, _: transitions.requeue(order, now, pause))
        )

    def release(self) -> None:
        """Leave a submitted order, so that the next repetition fetches its result."""
        self._end(lambda: self._write_end(transitions.release))

    def _end(self, write: Callable[[], Result]) -> Result | None:
        """Write the end of the order. Return what `write` returns, or None when the request must not wait longer."""
        with self._lock:
            end = self._writer.submit(self._context.run, write)
        max_wait = max(_MAX_WAIT_SECONDS, sum(self._end_pauses))
        seconds = max(_MIN_WAIT_SECONDS, min(max_wait, self._remaining()))
        if is_done_within(end, seconds if self._is_stored else _OPTIONAL_WAIT_SECONDS):
            return end.result()
        _log.error("the end of an order is not written yet", extra={"order": self.order.id})
        return None

    def _remaining(self) -> float:
        return max(0.0, self._deadline - self._clock.now())

    # These methods run in the thread of the writer.

    def _write_first(self, make_fingerprint: Callable[[], Fingerprint], retry: int) -> None:
        try:
            order = replace(self.order, fingerprint=make_fingerprint())
            self.order = self._stores.table.write(order, replaces=None)
            self._is_stored = True
            self._stores.table.add_recent(order.fingerprint.digest, order.key, order.expires, retry)
        except (OrdersUnavailable, OrderConflict) as error:
            _log.warning("an order was not written", exc_info=error)

    def _write_charges(self, charges: Charges) -> None:
        order = transitions.add_charges(self.order, charges, self._stores.validity)
        if self._is_stored:
            self._write(order)
            return
        try:
            self.order = self._stores.table.write(order, replaces=None)
        except OrderConflict as conflict:  # the first write, whose response was lost
            if not transitions.is_still_holder(conflict.stored, order):
                raise in_progress_error() from None
            self.order = self._stores.table.write(order, replaces=conflict.stored)
        self._is_stored = True

    def _write_mark(self, target: str) -> None:
        self._write(self._sent_order(target))

    def _sent_order(self, target: str) -> Order:
        order = transitions.mark_sent(self.order, target, self._clock.unix_time())
        notes = self.usage_notes
        return replace(order, usage=notes.lines_at_send_mark()) if notes else order

    def _write_submission(self, submission: Submission) -> None:
        try:
            self._write(transitions.add_submission(self.order, submission))
        except (OrdersUnavailable, OrderInProgress) as error:
            _log.warning("the job of an order was not written", exc_info=error)

    def _write_answer(self, answer: StoredAnswer) -> StoredAnswer:
        if not self._is_stored:
            return answer
        stored = self._try_to_end(lambda: self._stores.answers.put(self.order.id, answer))
        if stored:
            self._write_end(lambda order, *times: transitions.finish(order, stored, *times))
        return stored or answer

    def _write_end(self, next_record: Callable[[Order, int, int], Order]) -> None:
        """Write the last record of this holder. The sweeper repairs what cannot be written."""
        if not self._is_stored:
            return
        try:
            self._try_to_end(
                lambda: self._write_settled(
                    self._add_usage(
                        next_record(self.order, self._clock.unix_time(), self._stores.validity)
                    )
                )
            )
        except OrderInProgress:
            _log.warning("an order was lost to another request", extra={"order": self.order.id})

    def _add_usage(self, order: Order) -> Order:
        notes = self.usage_notes
        return replace(order, usage=notes.lines_at_end()) if notes else order

    def _settle_charges(self, decide: Callable[[Order], Order]) -> None:
        self.order = self._settle_due_charges(decide(self.order))

    def _settle_due_charges(self, order: Order) -> Order:
        if not order.charges:
            return order
        charges = settle_due_charges(order.charges, self._stores.ledger, order.scope)
        return replace(order, charges=charges)

    def _write_settled(self, order: Order) -> None:
        """Write the last record of this holder after its charges are settled."""
        self._write(self._settle_due_charges(order))
        if are_settled(self.order.charges):
            return
        try:
            stores = self._stores
            self.order = settle_charges(self.order, stores.table, stores.ledger)
        except (OrdersUnavailable, OrderConflict) as error:
            _log.warning("the charges of an order are not settled yet", exc_info=error)

    def _try_to_end(self, write: Callable[[], Result]) -> Result | None:
        """Return the result of a write that is repeated while the stores fail, or None when they still do."""
        for pause in (*self._end_pauses, None):
            try:
                return write()
            except OrdersUnavailable as error:
                _log.error("the end of an order was not written", exc_info=error)
            if pause is None or pause > max(self._remaining(), _MAX_WAIT_SECONDS):
                break
            self._clock.sleep(pause)
        return None

    def _write(self, order: Order) -> None:
        if not self._is_stored:
            self.order = order
            return
        try:
            self.order = self._stores.table.write(order, replaces=self.order)
        except OrderConflict as conflict:
            self._replace_own_record(order, conflict.stored)

    def _replace_own_record(self, order: Order, stored: Order | None) -> None:
        """Write over a record that says "unknown" about this holder. Raises OrderInProgress for any other record."""
        is_own_end = order.state == "done" and stored is not None and stored.state == "unknown"
        if stored is None or not is_own_end or not transitions.is_still_holder(stored, self.order):
            raise in_progress_error()
        outcome = Outcome(order.billed, order.price or None)
        charges = restore_charges(stored.charges, stored.last_hold, outcome)
        usage = order.usage
        if self.usage_notes:  # the sweeper may have written this attempt as unknown
            usage = "\n".join(text for text in (stored.usage, self.usage_notes.all_lines()) if text)
        order = replace(order, version="", charges=charges, usage=usage)
        try:
            self.order = self._stores.table.write(order, replaces=stored)
        except OrderConflict:
            raise in_progress_error() from None


def _group_by_job(
    submissions: tuple[Submission, ...],
) -> dict[tuple[str, int], tuple[Submission, ...]]:
    jobs: dict[tuple[str, int], tuple[Submission, ...]] = {}
    for submission in submissions:
        place = submission.target, submission.job
        jobs[place] = (*jobs.get(place, ()), submission)
    return jobs
