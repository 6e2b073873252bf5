"""Reports the end of an edit: objects in the outbox, a reply, the end of a state, an event on the bus.

A worker deletes the message of a job only after all these reports, so after a crash they are sent again. Everything has
an identifier that stays the same, so a receiver can drop the second one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from retouch.api.response.edit_event import edit_event, thin_document
from retouch.api.response.errors import error_envelope
from retouch.api.response.job import job_document
from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.orders.edit_job import require_jobs
from retouch.gateway.results.signed_links import find_object_key
from retouch.gateway.services import Services
from retouch.inbox.outbox import EditEnd, OutboxImage, write_failure, write_result
from retouch.inbox.ports import EventPorts, MessageNotSent
from retouch.orders.destination import Destination, InboxTarget, read_destination
from retouch.orders.jobs import job_status
from retouch.orders.order import Order

_log = logging.getLogger("retouch")
_HEARTBEAT_SECONDS = 30.0
_MAX_CAUSE_LENGTH = 1000
_OPEN = ("queued", "in_progress")
# An edit that has ended without an answer of its own.
_END_ERRORS = {
    "expired": "No worker could begin the edit before its deadline. Nothing was bought.",
    "cancelled": "The edit was cancelled before it was sent to a provider. Nothing was bought.",
}


@frozen_dataclass
class RefusedEdit:
    """The end of an edit that never became a job."""

    subject: str  # the same for every delivery of the event
    fault: Fault
    status: str = "failed"  # or "expired"


def has_ended(order: Order, now: int) -> bool:
    """Return whether a job has its end."""
    return job_status(order, now) not in _OPEN


def notify_job_end(identifier: str, services: Services, ports: EventPorts) -> None:
    """Report the end of a job that has ended to its destination. Raises MessageNotSent or InboxUnavailable."""
    from retouch.orders.jobs import read_job

    order = read_job(identifier, require_jobs(services))
    is_told = order and (order.destination or services.settings.event_bus)
    if order and is_told and has_ended(order, services.clock.unix_time()):
        notify_end(order, read_destination(order.destination), services, ports)


def notify_end(
    order: Order, destination: Destination, services: Services, ports: EventPorts
) -> None:
    """Tell the end of a job to its destination and on the bus. Raises MessageNotSent or InboxUnavailable."""
    stores, now = require_jobs(services), services.clock.unix_time()
    answer = stores.orders.answers.get(order.id) if order.state == "done" else None
    document = job_document(order, answer, services.settings.base_url, now)
    error = document["error"] or _end_error(document["status"])
    document = thin_document({**document, "error": error})
    if destination.inbox:
        document = {**document, **_write(destination.inbox, order, document, services, ports)}
    _notify(destination, order.id, document, order.ended or now, ports)


def notify_refusal(
    refused: RefusedEdit, destination: Destination, services: Services, ports: EventPorts
) -> None:
    """Tell that an event cannot become a job. Raises MessageNotSent or InboxUnavailable."""
    document: dict[str, Any] = {
        "object": "image.edit",
        "status": refused.status,
        "billed": refused.fault.billed,
        "error": error_envelope(refused.fault),
    }
    target = destination.inbox
    if target:
        document["input"] = _input(target)
        write_failure(target, EditEnd("", refused.fault.billed, "", document), ports.store)
    _notify(destination, refused.subject, document, services.clock.unix_time(), ports)


@contextmanager
def heartbeats(
    order: Order, ports: EventPorts, seconds: float = _HEARTBEAT_SECONDS
) -> Iterator[None]:
    """Tell the state that waits for the order, while the context is open, that the edit is still made."""
    token = read_destination(order.destination).task_token
    if not token:
        yield
        return
    is_over = Event()
    thread = Thread(target=_send_heartbeats, args=(token, ports, is_over, seconds), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()


def _send_heartbeats(token: str, ports: EventPorts, is_over: Event, seconds: float) -> None:
    while True:
        try:
            ports.messages.send_heartbeat(token)
        except MessageNotSent as error:
            _log.warning("a heartbeat was not sent", exc_info=error)
        if is_over.wait(seconds):
            return


def _end_error(status: str) -> dict[str, Any] | None:
    if status not in _END_ERRORS:
        return None
    return error_envelope(Fault(_END_ERRORS[status], code=f"edit_{status}"))


def _write(
    target: InboxTarget,
    order: Order,
    document: Mapping[str, Any],
    services: Services,
    ports: EventPorts,
) -> dict[str, Any]:
    """Write the objects of the end. Return what the job says about them."""
    end = EditEnd(order.id, order.billed, order.cost_text, document)
    if document["status"] != "completed":
        write_failure(target, end, ports.store)
        return {"input": _input(target)}
    images = [
        _read_image(image["url"], services)
        for image in (document["result"] or {"data": []})["data"]
    ]
    if not all(images):
        _log.error("the images of an edit are gone from the bucket", extra={"order": order.id})
    keys = write_result(target, [one for one in images if one], end, ports.store)
    return {"input": _input(target), "outputs": [{"bucket": target.bucket, "key": k} for k in keys]}


def _input(target: InboxTarget) -> dict[str, str]:
    return {"bucket": target.bucket, "key": target.object_key, "recipe": target.recipe}


def _read_image(url: str, services: Services) -> OutboxImage | None:
    key = find_object_key(url)
    data = services.bucket.read_result(key)
    return OutboxImage(data, key.rpartition(".")[2]) if data else None


def _notify(
    destination: Destination,
    subject: str,
    document: Mapping[str, Any],
    unix_time: int,
    ports: EventPorts,
) -> None:
    """Report to every receiver, even if the report to one of them fails. Raises MessageNotSent for that one."""
    messages, error = ports.messages, document.get("error")
    steps: list[Callable[[], None]] = [
        lambda: messages.publish(edit_event(subject, document, unix_time))
    ]
    if destination.reply_to:
        steps.append(lambda: messages.reply(destination.reply_to, document, subject))
    if destination.task_token and error:
        code, cause = f"Retouch.{error['code']}", str(error["message"])[:_MAX_CAUSE_LENGTH]
        steps.append(lambda: messages.fail_task(destination.task_token, code, cause))
    elif destination.task_token:
        steps.append(lambda: messages.succeed_task(destination.task_token, document))
    failures = []
    for step in steps:
        try:
            step()
        except MessageNotSent as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
