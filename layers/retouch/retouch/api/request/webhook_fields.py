"""Reads the fields of a webhook endpoint and the query of a list, as OpenAI's SDK sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.api.request.json_object import read_json_object
from retouch.core.edit_types import FormText, HttpRequest
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import BoolParam, EnumParam, IntParam, StringParam
from retouch.webhooks.event import EVENT_TYPES
from retouch.webhooks.registry import EndpointChanges

_URL, _NAME = StringParam(4096), StringParam(256)
_EVENT_TYPE = EnumParam(EVENT_TYPES)
_LIMIT = IntParam(1, 100)
_DEFAULT_LIMIT = 20
_KEEP_OLD = "keep_old_secret_active_for_24_hours"


def read_new_endpoint(request: HttpRequest) -> EndpointChanges:
    """Return the fields of a new endpoint. Without `event_types` it gets every event. Raises InvalidRequest."""
    changes = read_endpoint_changes(request)
    if changes.url is None:
        raise InvalidRequest(
            "'url' is missing: send the https URL that gets the events.",
            param="url",
        )
    event_types = EVENT_TYPES if changes.event_types is None else changes.event_types
    return EndpointChanges(changes.url, changes.name, event_types)


def read_endpoint_changes(request: HttpRequest) -> EndpointChanges:
    """Return the fields that the body sets. Raises InvalidRequest."""
    fields = read_json_object(request, ("url", "name", "event_types"), "A webhook endpoint")
    return EndpointChanges(
        _URL.read("url", fields["url"]) if "url" in fields else None,
        _NAME.read("name", fields["name"]) if "name" in fields else None,
        _read_event_types(fields["event_types"]) if "event_types" in fields else None,
    )


def read_keep_old(request: HttpRequest) -> bool:
    """Return whether the old secret signs too for 24 hours."""
    fields = read_json_object(request, (_KEEP_OLD,), "A rotation")
    return BoolParam().read(_KEEP_OLD, fields.get(_KEEP_OLD, False))


def read_sample_type(request: HttpRequest) -> str:
    """Return the type of the example to send. The default is that of a finished edit."""
    fields = read_json_object(request, ("event_type",), "A test")
    return _EVENT_TYPE.read("event_type", fields.get("event_type", EVENT_TYPES[0]))


def read_limit(query: Mapping[str, str]) -> int:
    """Return how many objects a list has at most. Raises InvalidRequest."""
    return _LIMIT.read("limit", FormText(query.get("limit", str(_DEFAULT_LIMIT))))


def _read_event_types(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidRequest(
            f"'event_types' must be a list with at least one of {', '.join(EVENT_TYPES)}.",
            param="event_types",
            code="invalid_type",
        )
    return tuple(dict.fromkeys(_EVENT_TYPE.read("event_types", one) for one in value))
