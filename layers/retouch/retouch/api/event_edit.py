"""Submission of an edit that is no HTTP request: a line of a batch, an object of a bucket, a message, an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.api.edit_context import event_context
from retouch.api.stored_request import encode_event
from retouch.gateway.authentication import Principal
from retouch.gateway.orders.edit_job import JobOptions, submit_edit
from retouch.gateway.result import EditResult
from retouch.gateway.services import Services
from retouch.orders.order import Order


def submit_event_edit(
    edit: Mapping[str, Any],
    principal: Principal,
    options: JobOptions,
    services: Services,
    *,
    request_id: str,
    deadline: float,
) -> Order | EditResult:
    """Make an edit a job, and return the job. Nothing is bought here, and a worker makes the edit.

    `edit` has OpenAI's fields as JSON: `prompt`, `images`, `mask`, `model` and the others, as a direct invoke has
    them. `principal` is whose key pays and whose jobs it is listed with; with `is_operator` it may name S3 objects.
    `options.source` says the way in, and `options.key` is a key that repetitions of the same event have too, such as
    "<batch>:<custom_id>". Keys of one source never meet those of another one. `deadline` is that of this function.

    The result of a refused edit is returned as an EditResult whose outcome is a Fault. So is the answer of an equal
    edit without a job. A caller that gets an order may end: the job is stored, and its message is sent. Raises Fault:
    IdempotencyKeyReused when the key belongs to another edit, and OrdersUnavailable, after which the same call with
    the same key is safe.

        order = submit_event_edit(
            line["body"],
            principal,
            JobOptions(key=f"{batch_id}:{line['custom_id']}", source="batch"),
            services,
            request_id=worker.request_id,
            deadline=worker.deadline,
        )
    """
    settings = services.settings_with_secrets()
    context = event_context(edit, principal, request_id, deadline, settings)
    return submit_edit(context, options, encode_event(edit, principal), services)
