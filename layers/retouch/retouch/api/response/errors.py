"""An HTTP answer, and a Fault as one: OpenAI's error envelope."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import orjson

from retouch.core.errors import Fault, MethodNotAllowed
from retouch.core.http import HttpResponse, json_headers

_HEADER_PREFIX = "x-retouch-"


def metadata_object(response: HttpResponse) -> dict[str, Any]:
    """What HTTP has the status and headers for, as an object: for answers that have none, or none any more."""
    gateway_headers = {n: v for n, v in response.headers.items() if n.startswith(_HEADER_PREFIX)}
    return {
        "status": response.status,
        **{n.removeprefix(_HEADER_PREFIX): v for n, v in gateway_headers.items()},
    }


def error_response(fault: Fault, request_id: str) -> HttpResponse:
    """OpenAI's error envelope; the headers tell SDKs whether to repeat and callers whether they paid."""
    headers = {**json_headers(request_id), **fault.headers, "x-retouch-billed": fault.billed}
    if fault.should_retry is not None:
        headers["x-should-retry"] = "true" if fault.should_retry else "false"
    if fault.retry_after is not None and fault.should_retry is not False:
        headers["retry-after"] = f"{fault.retry_after:g}"
    if isinstance(fault, MethodNotAllowed):
        headers["Allow"] = fault.allow
    body = orjson.dumps({"error": error_envelope(fault), **fault.extra_body})
    return HttpResponse(fault.status, headers, body, fault_log_fields(fault))


def to_portkey_error(response: HttpResponse) -> HttpResponse:
    """The same with what Portkey says of the gateway's own errors; providers' errors it hands through as they are."""
    is_gateway_fault = response.log_fields.get("blame") == "gateway"
    if not is_gateway_fault and (
        "error" not in response.log_fields or "upstream_status" in response.log_fields
    ):
        return response
    assert isinstance(response.body, bytes), "an error is JSON"
    headers = {
        **response.headers,
        **({"x-portkey-gateway-exception": "true"} if is_gateway_fault else {}),
    }
    return replace(response, headers=headers, body=b'{"status":"failure",' + response.body[1:])


def fault_from_exception(error: Exception) -> Fault:
    """A Fault as it is; anything nobody expected goes to the log and becomes one bland sentence."""
    if isinstance(error, Fault):
        return error
    logging.getLogger("retouch").error("unexpected error", exc_info=error)
    message = "The gateway failed. The operator finds the reason in its log."
    return Fault(message, billed="unknown")


def error_envelope(fault: Fault) -> dict[str, Any]:
    """The `error` object: always the same four keys, details beside them."""
    return {
        "message": str(fault),
        "type": fault.type,
        "param": fault.param,
        "code": fault.code,
        **fault.details,
    }


def fault_log_fields(fault: Fault) -> dict[str, Any]:
    """What the log and the metrics say of a failure."""
    upstream_fields = {"upstream_status": fault.upstream_status} if fault.upstream_status else {}
    return {
        **fault.log_fields,
        "error": fault.code,
        "blame": fault.blame,
        "param": fault.param,
        **upstream_fields,
    }
