"""A direct invoke: the JSON edit itself is the event, and OpenAI's image object is the return value.

Step Functions, EventBridge Pipes and other Lambda functions have no use for HTTP. IAM decides who may invoke, so there
is no gateway key. The failure of an edit is returned as the error envelope, and is raised only for `"raise": true`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retouch.api.events.unknown import UnknownEvent
from retouch.api.request.json_body import form_from_values
from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.core.edit_types import ParsedForm
from retouch.core.errors import InvalidRequest
from retouch.gateway.orders.edit_order import EditOrder, OrderOptions, new_order
from retouch.gateway.services import Services
from retouch.orders.idempotency_key import parse_idempotency_key

KEY_FIELD, RAISE_FIELD = "idempotency_key", "raise"
# Lambda returns at most 6,291,556 bytes. Base64 beyond this limit goes out as links.
MAX_RESPONSE_BYTES = 5_500_000
_MAX_MESSAGE_CHARS = 200
EDIT_FIELDS = {"prompt", "images", "image"}  # an edit has one of them
_WARM_UP_FIELDS = {
    "source"
}  # tools that keep functions warm send only this; an event of AWS has more


def require_edit_event(event: Any) -> None:
    """Raise UnknownEvent when the event is not an edit, for example when it is an SQS batch or a scheduled event.

    A warm-up ping is let through. It has nothing that could be lost, and its response is a plain refusal.
    """
    is_known = isinstance(event, Mapping) and (
        event.keys() & EDIT_FIELDS or event.keys() == _WARM_UP_FIELDS
    )
    if not is_known:
        raise UnknownEvent(
            "The event is neither an HTTP request nor an edit with 'prompt' and 'images'. The function takes no "
            "events of queues, buckets, topics, streams and schedules."
        )


def require_pipe_item(event: Sequence[Any]) -> Mapping[str, Any]:
    """Return the only edit of a pipe's enrichment, which gets a list. Raises UnknownEvent.

    When the target of a pipe fails, the pipe invokes the enrichment again, so the edit needs a key.
    """
    if len(event) != 1:
        raise UnknownEvent(
            f"The pipe has sent {len(event)} edits. Set the batch size of its source to 1: an edit takes minutes."
        )
    require_edit_event(event[0])
    item: Mapping[str, Any] = event[0]
    if item.get(KEY_FIELD) is None:
        raise UnknownEvent(
            "A pipe repeats its enrichment when its target fails, which would buy the edit again. Add "
            '"idempotency_key": <$.messageId> to the input template.'
        )
    return item


def must_raise(event: Mapping[str, Any]) -> bool:
    """Return whether a failure is to fail the invocation. Raises InvalidRequest."""
    value = event.get(RAISE_FIELD)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidRequest(f"'{RAISE_FIELD}' must be true or false.", param=RAISE_FIELD)


class EditFailed(Exception):
    """The failure of an edit as the failure of its invocation, named by its code for a `Catch`."""

    def __init__(self, code: str, message: str, billed: str) -> None:
        super().__init__(f"{message[:_MAX_MESSAGE_CHARS]} (billed: {billed})")
        self.error_type = f"Retouch.{code}"


def form_from_event(event: Mapping[str, Any], limits: BodyLimits = DEFAULT_LIMITS) -> ParsedForm:
    """Return the fields of the event. Raises InvalidRequest when they cannot be read or ask for a stream."""
    if event.get("stream"):
        raise InvalidRequest(
            "A direct invoke returns one object; leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )
    return form_from_values({**event, KEY_FIELD: None, RAISE_FIELD: None}, limits)


def event_order(event: Mapping[str, Any], services: Services) -> EditOrder | None:
    """Return the order of the event, or None when it has no key. Raises InvalidRequest.

    An asynchronous invoke is delivered at least once, so its sender puts a key in it.
    """
    if event.get("dry_run"):
        return None
    is_required = services.settings.orders_mode == "require"
    has_key = event.get(KEY_FIELD) is not None
    if not has_key and services.settings.async_retries:
        raise InvalidRequest(
            "Lambda repeats failed asynchronous invokes of this function (AsyncRetries), which would buy an edit "
            "without a key again. Add 'idempotency_key' to the event.",
            param=KEY_FIELD,
            code="idempotency_key_required",
        )
    if not (has_key or is_required):
        return None
    key = parse_idempotency_key(event[KEY_FIELD], KEY_FIELD) if has_key else None
    options = OrderOptions(key, source="direct", is_required=is_required)
    return new_order(options, services.orders, services.clock)
