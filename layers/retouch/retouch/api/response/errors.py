"""Renders a Fault: OpenAI's error envelope, and the headers that tell an SDK whether to retry."""

from __future__ import annotations

import logging
from math import ceil
from typing import Any, Literal

import orjson

from retouch.api.request.credentials import KEY_HEADERS
from retouch.core.errors import Fault, MethodNotAllowed
from retouch.core.http_response import HttpResponse, json_headers
from retouch.core.parameters import GATEWAY_PARAMS
from retouch.core.portkey_types import KNOWN_HEADERS, PORTKEY_PREFIX
from retouch.tenants.budget_errors import RateExceeded

_LOGGED_PARAMS = frozenset(
    (
        *GATEWAY_PARAMS,
        *KEY_HEADERS,
        *(PORTKEY_PREFIX + name for name in KNOWN_HEADERS),
        *("image", "images", "mask", "content_type"),
        *("url", "urls", "prefix", "metadata", "expires_in", "answer_to"),
    )
)
# "portkey": the caller sent a header of Portkey's. Only such a caller gets Portkey's response headers and error fields.
Dialect = Literal["openai-api", "portkey"]


def error_response(fault: Fault, request_id: str, dialect: Dialect = "openai-api") -> HttpResponse:
    """Return the fault as an HTTP response."""
    headers = {
        **json_headers(request_id),
        "x-retouch-billed": fault.billed,
        **fault_headers(fault, dialect),
    }
    body = orjson.dumps(error_document(fault, dialect))
    fields = {**fault_log_fields(fault), "billed": fault.billed}
    return HttpResponse(fault.status, headers, body, fields)


def error_document(fault: Fault, dialect: Dialect = "openai-api") -> dict[str, Any]:
    """Return the body of an error as an object."""
    document = {"error": error_envelope(fault), **fault.extra_body}
    is_portkey = dialect == "portkey" and _is_reported_by_gateway(fault)
    return {"status": "failure", **document} if is_portkey else document


def fault_headers(fault: Fault, dialect: Dialect = "openai-api") -> dict[str, str]:
    """Return the headers that only an error has."""
    headers = dict(fault.headers) if isinstance(fault, RateExceeded) else {}
    if fault.should_retry is not None:
        headers["x-should-retry"] = "true" if fault.should_retry else "false"
    may_return = fault.billed == "no" or fault.should_retry
    if fault.retry_after is not None and may_return:
        headers["retry-after"] = str(max(0, ceil(fault.retry_after)))  # RFC 9110: whole seconds
    if isinstance(fault, MethodNotAllowed):
        headers["Allow"] = fault.allow
    if dialect == "portkey" and fault.blame == "gateway":
        headers["x-portkey-gateway-exception"] = "true"
    return headers


def fault_from_exception(error: Exception) -> Fault:
    """Return a Fault as it is. An unexpected exception is logged and becomes a Fault without details."""
    if isinstance(error, Fault):
        return error
    logging.getLogger("retouch").error("unexpected error", exc_info=error)
    message = "The gateway failed. The operator finds the reason in its log."
    return Fault(message, billed="unknown")


def error_envelope(fault: Fault) -> dict[str, Any]:
    """Return the `error` object: always the same four members, and then the details."""
    return {
        "message": str(fault),
        "type": fault.type,
        "param": fault.param,
        "code": fault.code,
        **fault.details,
    }


def fault_log_fields(fault: Fault) -> dict[str, Any]:
    """Return the log fields and metric dimensions of a failure. They contain no text of a caller or of a provider."""
    upstream = {"upstream_status": fault.upstream_status} if fault.upstream_status else {}
    return {
        "error": fault.gateway_code,
        "blame": fault.blame,
        "param": _log_param(fault),
        **upstream,
    }


def _log_param(fault: Fault) -> str | None:
    """Return a parameter that the gateway knows, without an index. A caller or a provider may invent other names."""
    name = str(fault.param or "").partition("[")[0].partition(".")[0]
    return name if name in _LOGGED_PARAMS or not name else "other"


def _is_reported_by_gateway(fault: Fault) -> bool:
    """Whether Portkey would add `status` to the body. Portkey forwards the errors of providers unchanged."""
    return fault.blame == "gateway" or fault.upstream_status is None
