"""The handler of the worker function: a batch of SQS messages goes in, and the messages to deliver again come out.

The first known field of a message says what kind it is. `MESSAGE_KINDS` says what a worker does with each kind. A
message of no such kind is an event that asks for edits, or nobody can read it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from retouch.api.events.edit_messages import queued_event
from retouch.api.events.sources import parse_messages
from retouch.api.handlers.edits import Handler, Telemetry
from retouch.api.handlers.job_messages import JOB_MESSAGES
from retouch.api.handlers.worker_context import MessageKind, WorkerContext, worker_context
from retouch.gateway.orders.edit_job import require_jobs
from retouch.gateway.services import Services
from retouch.inbox.ports import EventPorts
from retouch.mirror.messages import QueueMessage
from retouch.orders.jobs import Pause, QueuedMessage

_log = logging.getLogger("retouch")
_FAILED_PAUSE = Pause(30)  # after a failure of the stores


def _run_batch(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    from retouch.api.handlers.batch_messages import run_batch  # only batches need it

    return run_batch(message, worker)


def _abandon_step(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    from retouch.api.handlers.batch_messages import abandon_step

    return abandon_step(message, worker)


def _run_export(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    from retouch.api.handlers.export_messages import run_export  # only exports need it

    return run_export(message, worker)


def _abandon_export(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    from retouch.api.handlers.export_messages import abandon_export

    return abandon_export(message, worker)


MESSAGE_KINDS: Mapping[str, MessageKind] = {
    "order": JOB_MESSAGES,
    "batch": MessageKind(_run_batch, _abandon_step),
    "export": MessageKind(_run_export, _abandon_export),
}


def build_handler(
    services: Services,
    start_prefetch: Callable[[], None],
    telemetry: Telemetry,
    ports: EventPorts | None = None,
) -> Handler:
    """Return the Lambda handler. `start_prefetch` starts to fetch data in the background."""

    def handler(event: Any, context: Any) -> dict[str, Any]:
        start_prefetch()
        worker = worker_context(services, telemetry, context, ports)
        if ports and "tasks" in event:
            from retouch.api.handlers.batch_operations import run_tasks

            telemetry.set_trace_id(worker.request_id)
            return run_tasks(event, worker, ports)
        records = zip(event["Records"], parse_messages(event), strict=True)
        unfinished = [
            message for record, message in records if _process(message, record, worker) is not None
        ]
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in unfinished]}

    return handler


def _process(
    message: QueueMessage, record: Mapping[str, Any], worker: WorkerContext
) -> Pause | None:
    """Work on a message. Return the pause before it comes again, or None when it may be deleted."""
    worker.telemetry.set_trace_id(worker.request_id)  # not the key of the message before
    body, kind = _read_message(message.body)
    is_dead_letter = _queue_name(record) == worker.services.settings.edits_dead_letters
    try:
        if kind is None:
            pause = _process_event(message, record, body, worker, is_dead_letter)
        else:
            pause = (kind.abandon if is_dead_letter else kind.process)(body, worker)
    except Exception as error:
        _log.warning("a message could not be worked on", exc_info=error)
        pause = _FAILED_PAUSE
    if pause and not is_dead_letter:
        _delay(message, pause, _queue_name(record), worker.services)
    return pause


def _process_event(
    message: QueueMessage,
    record: Mapping[str, Any],
    body: Mapping[str, Any],
    worker: WorkerContext,
    is_dead_letter: bool,
) -> Pause | None:
    if worker.ports is None:
        _log.warning("a message of the queue of edits has no known kind", extra={"id": message.id})
        return None
    from retouch.api.handlers.event_messages import EventWorker

    event = EventWorker(queued_event(message, record, body), worker, worker.ports)
    if is_dead_letter:
        event.reject("too_many_receives", "The workers have failed on it. See their log.")
        return None
    return event.process()


def _delay(message: QueueMessage, pause: Pause, queue_name: str, services: Services) -> None:
    """Deliver a message again after the pause, from the queue that it came from."""
    is_line = queue_name == services.settings.batches_queue_url.rpartition("/")[2]
    batches = services.load_batches() if is_line else None
    queue = batches.lines if batches else require_jobs(services).queue
    queue.delay(message.receipt_handle, pause.seconds)


def _read_message(text: str) -> tuple[QueuedMessage, MessageKind | None]:
    """Return the message and its kind. None: the kind is not known."""
    try:
        body = orjson.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return {}, None
    return body, next((MESSAGE_KINDS[name] for name in body if name in MESSAGE_KINDS), None)


def _queue_name(record: Mapping[str, Any]) -> str:
    return str(record.get("eventSourceARN") or "").rpartition(":")[2]
