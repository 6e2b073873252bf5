"""The handler of the worker function: a batch of SQS messages goes in, and the messages to deliver again come out.

A message only names an order. What the order says decides what becomes of it, so a message may arrive twice, late, or
while another worker holds the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from retouch.api.edit_context import edit_context
from retouch.api.events.sources import parse_messages
from retouch.api.handlers.edits import (
    EDIT_OPERATION,
    Handler,
    Recorder,
    Telemetry,
    request_deadline,
)
from retouch.api.request.job_headers import without_job_field
from retouch.api.response.errors import fault_from_exception
from retouch.api.response.log_fields import log_fields
from retouch.api.response.order_answers import render_answer
from retouch.api.stored_request import decode_request
from retouch.core.errors import Fault, NotFound
from retouch.gateway.edit_job import LINK_SECONDS, end_job, require_jobs, to_job_form
from retouch.gateway.pipeline import edit_image
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext, Services
from retouch.mirror.messages import QueueMessage
from retouch.orders import jobs
from retouch.orders.held_order import HeldOrder
from retouch.orders.jobs import Pause

_log = logging.getLogger("retouch")
_FAILED_PAUSE = Pause(30)  # after a failure of the stores


def build_handler(
    services: Services, start_prefetch: Callable[[], None], telemetry: Telemetry
) -> Handler:
    """Return the Lambda handler. `start_prefetch` starts to fetch data in the background."""

    def handler(event: Any, context: Any) -> dict[str, Any]:
        start_prefetch()
        worker = JobWorker(services, telemetry, context)
        records = zip(event["Records"], parse_messages(event), strict=True)
        unfinished = [
            message
            for record, message in records
            if worker.process(message, _queue_name(record)) is not None
        ]
        return {"batchItemFailures": [{"itemIdentifier": message.id} for message in unfinished]}

    return handler


class JobWorker:
    """Works on the jobs of one batch."""

    def __init__(self, services: Services, telemetry: Telemetry, lambda_context: Any) -> None:
        self._services, self._telemetry, self._context = services, telemetry, lambda_context
        self._request_id = str(lambda_context.aws_request_id)

    def process(self, message: QueueMessage, queue_name: str) -> Pause | None:
        """Work on a message. Return the pause before it comes again, or None when it may be deleted."""
        identifier = _read_identifier(message.body)
        if identifier is None:
            _log.warning("a message of the queue of jobs names no order", extra={"id": message.id})
            return None
        is_dead_letter = queue_name == self._services.settings.jobs_dead_letters
        try:
            pause = self._abandon(identifier) if is_dead_letter else self._run(identifier)
        except Exception as error:
            _log.warning("a job could not be worked on", exc_info=error)
            pause = _FAILED_PAUSE
        if pause and not is_dead_letter:
            require_jobs(self._services).queue.delay(message.receipt_handle, pause.seconds)
        return pause

    def _run(self, identifier: str) -> Pause | None:
        services = self._services
        deadline = request_deadline(self._context, services)
        settings = services.settings
        lease = deadline - services.clock.now() + settings.deadline_margin + settings.lease_margin
        held = jobs.claim_job(
            identifier, self._request_id, lease, require_jobs(services), services.clock
        )
        return self._make_edit(held, deadline) if isinstance(held, HeldOrder) else held

    def _make_edit(self, held: HeldOrder, deadline: float) -> Pause | None:
        self._telemetry.set_trace_id(held.order.id)
        recorder = Recorder(EDIT_OPERATION, self._services, self._telemetry)
        try:
            result = edit_image(self._context_of(held, deadline), self._services)
        except Exception as error:
            result = EditResult(fault_from_exception(error))
        clock = self._services.clock
        pause = end_job(result, held, lambda: render_answer(result, "openai-api"), clock)
        recorder.record(result.status, log_fields(result))
        return pause

    def _context_of(self, held: HeldOrder, deadline: float) -> RequestContext:
        """Return the context of the job's edit, from the request as it was sent. Raises Fault."""
        services = self._services
        data = require_jobs(services).requests.get(held.order.id)
        if data is None:
            raise NotFound("The stored request of the job is gone. Send the edit again.")
        settings = replace(services.settings_with_secrets(), result_url_seconds=LINK_SECONDS)
        request = decode_request(data, held.order.id, deadline, settings)
        self._telemetry.set_key_name(request.caller.principal.key_name)
        context = edit_context(request, services)
        return replace(context, form=to_job_form(without_job_field(context.form)), job=held)

    def _abandon(self, identifier: str) -> Pause | None:
        """End the job of a dead letter, so that no job stays open."""
        _log.error("a job was abandoned", extra={"job": identifier})
        fault = Fault(
            "The workers could not make this edit. The operator finds the reason in their log.",
            code="job_abandoned",
        )
        answer = render_answer(EditResult(fault), "openai-api")
        now = self._services.clock.unix_time()
        has_ended = jobs.abandon_job(identifier, answer, require_jobs(self._services), now)
        return None if has_ended else _FAILED_PAUSE


def _read_identifier(body: str) -> str | None:
    try:
        identifier = orjson.loads(body)["order"]
    except (ValueError, KeyError, TypeError):
        return None
    return identifier if isinstance(identifier, str) else None


def _queue_name(record: Mapping[str, Any]) -> str:
    return str(record.get("eventSourceARN") or "").rpartition(":")[2]
