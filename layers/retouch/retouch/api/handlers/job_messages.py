"""The messages of jobs: {"order": "edit_..."}. What the order says decides what becomes of a message."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from retouch.api.handlers.edits import EDIT_OPERATION, Recorder
from retouch.api.handlers.worker_context import MessageKind, WorkerContext
from retouch.api.response.errors import fault_from_exception
from retouch.api.response.log_fields import log_fields
from retouch.api.response.order_answers import render_answer
from retouch.api.stored_request import stored_context
from retouch.core.errors import Fault, NotFound
from retouch.gateway.current_key import require_current_key
from retouch.gateway.orders.edit_job import LINK_SECONDS, end_job, require_jobs, to_job_form
from retouch.gateway.orders.job_events import emit_job_event
from retouch.gateway.pipeline import edit_image
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext
from retouch.orders import jobs
from retouch.orders.held_order import HeldOrder
from retouch.orders.jobs import Pause, QueuedMessage

_log = logging.getLogger("retouch")
_HELD_PAUSE = Pause(30)  # while a worker may still hold an abandoned job


def make_job(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """Make the edit of a job, unless another worker holds it or it has ended. Then tell its end."""
    services = worker.services
    held = jobs.claim_job(
        str(message["order"]),
        worker.request_id,
        worker.lease_seconds,
        worker.deadline,
        require_jobs(services),
        services.clock,
    )
    pause = _make_edit(held, worker) if isinstance(held, HeldOrder) else held
    if pause is None:
        _notify_end(message, worker)
    return pause


def abandon_job(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """End the job as failed."""
    _log.error("a job was abandoned", extra={"job": message["order"]})
    fault = Fault(
        "The workers could not make this edit. The operator finds the reason in their log.",
        code="job_abandoned",
    )
    answer = render_answer(EditResult(fault), "openai-api")
    services = worker.services
    has_ended = jobs.abandon_job(
        str(message["order"]), answer, require_jobs(services), services.clock.unix_time()
    )
    if not has_ended:
        return _HELD_PAUSE
    _notify_end(message, worker)
    return None


JOB_MESSAGES = MessageKind(make_job, abandon_job)


def _make_edit(held: HeldOrder, worker: WorkerContext) -> Pause | None:
    worker.telemetry.set_trace_id(held.order.id)
    services = worker.services
    recorder = Recorder(EDIT_OPERATION, services.clock, worker.telemetry)
    try:
        with _heartbeats(held, worker):
            result = edit_image(_edit_context(held, worker), services)
    except Exception as error:
        result = EditResult(fault_from_exception(error))
    pause = end_job(result, held, lambda: render_answer(result, "openai-api"), services.clock)
    recorder.record(result.status, log_fields(result))
    return pause


def _notify_end(message: QueuedMessage, worker: WorkerContext) -> None:
    """Report the end of a job. A report that fails is sent when the message comes again."""
    identifier, services = str(message["order"]), worker.services
    emit_job_event(identifier, require_jobs(services), services.load_webhooks, services.clock)
    if worker.ports:
        from retouch.api.handlers.edit_ends import notify_job_end

        notify_job_end(identifier, services, worker.ports)


def _heartbeats(held: HeldOrder, worker: WorkerContext) -> AbstractContextManager[None]:
    if worker.ports is None or not held.order.destination:
        return nullcontext()
    from retouch.api.handlers.edit_ends import heartbeats

    return heartbeats(held.order, worker.ports)


def _edit_context(held: HeldOrder, worker: WorkerContext) -> RequestContext:
    """Return the context of the job's edit, from the request as it was sent. Raises Fault."""
    services = worker.services
    data = require_jobs(services).requests.get(held.order.id)
    if data is None:
        raise NotFound("The stored request of the job is gone. Send the edit again.")
    settings = replace(services.settings_with_secrets(), result_url_seconds=LINK_SECONDS)
    context = stored_context(data, held.order.id, worker.deadline, settings, services)
    worker.telemetry.set_caller(context.principal.log_fields)
    principal = context.principal
    if principal.key and not held.is_resumed:  # a result that is paid for is fetched for any key
        principal = replace(principal, key=require_current_key(principal.key, services))
    return replace(context, form=to_job_form(context.form), job=held, principal=principal)
