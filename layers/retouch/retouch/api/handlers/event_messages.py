"""The messages in the queue of edits that ask for an edit on behalf of an event, and are no jobs yet.

An event becomes one or more jobs, or an answer that says why not. Its message is deleted when all of that is stored, so
every step may run twice. A request that can never work is reported once, and is not tried again. What may work later
waits until the event's deadline. Only a message that cannot be read, or that failures of the gateway stop, ends in the
dead-letter queue of events.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.api.event_edit import submit_event_edit
from retouch.api.events.edit_messages import (
    EditRequested,
    QueuedEvent,
    object_message,
    read_events,
)
from retouch.api.events.unknown import UnknownEvent
from retouch.api.handlers.edit_ends import RefusedEdit, has_ended, notify_end, notify_refusal
from retouch.api.handlers.worker_context import WorkerContext
from retouch.core.errors import Fault, IdempotencyKeyReused, InvalidRequest, OrdersUnavailable
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.gateway.authentication import Principal
from retouch.gateway.orders.edit_job import JobOptions, find_submitted, is_temporary, require_jobs
from retouch.gateway.result import EditResult
from retouch.inbox.intake import ObjectEdit, RefusedObject, SkippedObject, take_object
from retouch.inbox.object_version import ObjectVersion
from retouch.inbox.ports import EventPorts
from retouch.inbox.store import InboxUnavailable, ObjectCreated
from retouch.orders import jobs
from retouch.orders.destination import Destination, InboxTarget, read_destination
from retouch.orders.jobs import CONFLICT_PAUSE, Pause, event_pause, job_status
from retouch.orders.order import Order, OrderSource

_log = logging.getLogger("retouch")
_DEFAULT_DEADLINE_SECONDS = 21_600
_MESSAGE_FAILURES = "failed/_messages/"


@frozen_dataclass
class EventEdit:
    """An edit that an event asks for."""

    values: Mapping[str, Any]
    key: str
    source: OrderSource
    destination: Destination
    deadline: int  # Unix seconds
    metadata: Mapping[str, str]
    webhook: str = ""
    key_id: str = ""

    @property
    def subject(self) -> str:
        """The name of the edit while it has no order."""
        return f"{self.source}:{self.key}"


class EventWorker:
    """Processes one message of the queue."""

    def __init__(self, event: QueuedEvent, worker: WorkerContext, ports: EventPorts) -> None:
        self._event, self._worker, self._ports = event, worker, ports
        self._services = worker.services
        self._now = worker.services.clock.unix_time()
        self.refused: list[Fault] = []  # the faults of requests that can never work

    def process(self) -> Pause | None:
        """Return the pause before the message comes again, or None when it may be deleted.

        Raises Fault for a failure of the gateway itself.
        """
        try:
            events = read_events(self._event)
        except UnknownEvent as error:
            self.reject("unknown_event", str(error))
            return None
        except InvalidRequest as fault:
            destination = Destination(self._message_target())
            self._notify_refusal(RefusedEdit(f"sqs:{self._event.id}", fault), destination)
            return None
        if len(events) > 1:
            self._split(events)
            return None
        pauses = [pause for event in events if (pause := self._process_one(event))]
        return min(pauses, key=lambda pause: pause.seconds) if pauses else None

    def reject(self, code: str, reason: str) -> None:
        """Send the message to the dead-letter queue of events. Raises MessageNotSent."""
        _log.error("an event was rejected", extra={"id": self._event.id, "code": code})
        self._ports.messages.reject(self._event.text, code, reason, self._event.first_id)

    def _split(self, events: Sequence[ObjectCreated | EditRequested]) -> None:
        """Send each object in a message of its own. The message ends only after all of them were sent."""
        queue = require_jobs(self._services).queue
        for event in events:
            assert isinstance(event, ObjectCreated), "only S3 sends several"
            queue.send(object_message(event))

    def _process_one(self, event: ObjectCreated | EditRequested) -> Pause | None:
        if isinstance(event, EditRequested):
            return self._submit(self._requested_edit(event))
        return self.process_object(event)

    def process_object(self, event: ObjectCreated) -> Pause | None:
        """Start the edits of an object. Return as `process` does."""
        pauses = [
            pause
            for intake in take_object(event, self._ports.store, self._ports.recipes)
            if (pause := self._process_intake(event, intake))
        ]
        return pauses[0] if pauses else None

    def _process_intake(
        self, event: ObjectCreated, intake: SkippedObject | RefusedObject | ObjectEdit
    ) -> Pause | None:
        if isinstance(intake, SkippedObject):
            _log.info("an object is not edited", extra={"reason": intake.reason})
            return None
        if isinstance(intake, RefusedObject):
            subject = f"s3:{event.bucket}/{event.key}@{event.etag}"
            self._notify_refusal(RefusedEdit(subject, intake.fault), Destination(intake.target))
            return None
        return self._submit(self._object_edit(intake))

    def _object_edit(self, intake: ObjectEdit) -> EventEdit:
        recipe = intake.recipe
        return EventEdit(
            intake.values,
            intake.key,
            "s3",
            Destination(intake.target),
            self._sent_at + recipe.deadline,
            recipe.metadata,
            recipe.webhook,
            recipe.key,
        )

    def _requested_edit(self, event: EditRequested) -> EventEdit:
        seconds = _DEFAULT_DEADLINE_SECONDS if event.deadline is None else event.deadline
        return EventEdit(
            event.values,
            event.key,
            event.source,
            Destination(None, event.reply_to, event.task_token),
            self._sent_at + seconds,
            event.metadata,
            event.webhook,
            event.key_id,
        )

    @property
    def _sent_at(self) -> int:
        return self._event.sent_at or self._now

    def _submit(self, edit: EventEdit) -> Pause | None:
        """Make the edit a job unless an earlier event has done so."""
        reply_to = edit.destination.reply_to
        if reply_to and reply_to not in self._services.settings.reply_queues:
            fault = InvalidRequest(
                "'reply_to' is not a queue that this gateway may send to. The operator lists them in "
                "RETOUCH_REPLY_QUEUES.",
                param="reply_to",
                code="reply_queue_not_allowed",
            )
            return self._refuse(
                replace(edit, destination=replace(edit.destination, reply_to="")), fault
            )
        try:
            outcome = self._find_or_send(edit)
        except (OrdersUnavailable, InboxUnavailable):
            raise
        except IdempotencyKeyReused as fault:
            # Two workers have read two versions of a recipe. The next try finds the order of the first one.
            return CONFLICT_PAUSE if edit.source == "s3" else self._refuse(edit, fault)
        except Fault as fault:
            return self._refuse(edit, fault)
        if isinstance(outcome, EditResult):
            assert isinstance(outcome.outcome, Fault), "only jobs have keys of events"
            return self._refuse(edit, outcome.outcome)
        return self._join(outcome, edit)

    def _find_or_send(self, edit: EventEdit) -> Order | EditResult:
        """Return the job of the edit, which an earlier event may have submitted, or its refusal. Raises Fault."""
        principal = self._principal(edit)
        if edit.source != "s3":
            return self._send(edit, principal)
        order = find_submitted(edit.key, edit.source, principal, self._services)
        if order and self._needs_new_job(order, edit):
            edit = replace(edit, key=self._repeated_key(edit, order))
            order = find_submitted(edit.key, edit.source, principal, self._services)
        if order and order.state == "queued":  # perhaps its message was not sent
            jobs.send_job(order, require_jobs(self._services).queue)
        return order or self._send(edit, principal)

    def _send(self, edit: EventEdit, principal: Principal) -> Order | EditResult:
        options = JobOptions(
            key=edit.key,
            source=edit.source,
            metadata=edit.metadata,
            webhook=edit.webhook,
            begin_within=max(edit.deadline - self._now, 1),
            destination=edit.destination.to_text(),
        )
        return submit_event_edit(
            edit.values,
            principal,
            options,
            self._services,
            request_id=self._worker.request_id,
            deadline=self._worker.deadline,
        )

    def _principal(self, edit: EventEdit) -> Principal:
        """Return whose budget and limits apply. Raises InvalidRequest for a key that does not exist."""
        if not edit.key_id:
            return Principal(is_operator=True)
        tenants = self._services.tenants
        key = tenants.find_key_by_id(edit.key_id) if tenants else None
        if key is None:
            raise InvalidRequest(
                f"There is no gateway key with the id {quote_value(edit.key_id)}: it was deleted, it has expired, or "
                "it is misspelled. Write the id of a key, which begins with k_.",
                param="key",
                code="key_not_found",
            )
        return Principal(key)

    def _join(self, order: Order, edit: EventEdit) -> Pause | None:
        """Return what becomes of the message of an event whose edit is a job."""
        if self._reports_to_destination_of(edit, order):
            return None  # the worker that ends the job reports it
        if not has_ended(order, self._now):
            return Pause(event_pause(self._event.receive_count))
        notify_end(order, edit.destination, self._services, self._ports)
        return None

    def _reports_to_destination_of(self, edit: EventEdit, order: Order) -> bool:
        """Return whether the job reports its end to the destination of the edit."""
        stored = read_destination(order.destination)
        if stored.inbox and edit.destination.inbox:
            return _version(stored.inbox).is_same_as(_version(edit.destination.inbox))
        return stored == edit.destination

    def _needs_new_job(self, order: Order, edit: EventEdit) -> bool:
        """Return whether the same object was uploaded again after its recipe has changed or its edit has failed."""
        stored, own = read_destination(order.destination).inbox, edit.destination.inbox
        if not (stored and own) or _version(stored).is_same_as(_version(own)):
            return False
        return stored.recipe_etag != own.recipe_etag or self._has_failed_for_free(order)

    def _has_failed_for_free(self, order: Order) -> bool:
        status = job_status(order, self._now)
        return status in ("failed", "cancelled", "expired") and order.billed == "no"

    def _repeated_key(self, edit: EventEdit, order: Order) -> str:
        own = edit.destination.inbox
        assert own, "the caller has checked it"
        if self._has_failed_for_free(order):
            return f"{edit.key}#{own.sequencer or own.modified!r}"
        return f"{edit.key}#{own.recipe_etag}"

    def _refuse(self, edit: EventEdit, fault: Fault) -> Pause | None:
        """Return the pause when the edit may work later. Otherwise report that it was refused."""
        refused = RefusedEdit(edit.subject, fault)
        if fault.billed == "no" and is_temporary(fault, is_event=True):
            pause = max(event_pause(self._event.receive_count), round(fault.retry_after or 0))
            if self._now < edit.deadline:
                return Pause(max(1, min(pause, edit.deadline - self._now)))
            refused = replace(refused, status="expired")
        elif fault.blame == "gateway" and fault.status >= 500 and fault.billed == "no":
            raise fault  # a failure of the gateway, not of the event
        destination = edit.destination
        if destination.inbox is None:
            destination = replace(destination, inbox=self._message_target())
        self._notify_refusal(refused, destination)
        return None

    def _notify_refusal(self, refused: RefusedEdit, destination: Destination) -> None:
        self.refused.append(refused.fault)
        _log.info(
            "an event was refused",
            extra={"id": self._event.id, "code": refused.fault.code, "status": refused.status},
        )
        notify_refusal(refused, destination, self._services, self._ports)

    def _message_target(self) -> InboxTarget | None:
        """Return where the failure of a message without an object is written."""
        bucket = self._services.settings.bucket
        if not bucket:
            return None
        return InboxTarget(
            bucket,
            f"messages/{self._event.id}",
            recipe="",
            recipe_etag="",
            output="",
            failure_key=f"{_MESSAGE_FAILURES}{self._event.id}.json",
            sequencer="",
            modified=float(self._sent_at),
        )


def _version(target: InboxTarget) -> ObjectVersion:
    return ObjectVersion(target.sequencer, target.modified)
