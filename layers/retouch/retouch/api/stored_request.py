"""The request of a job as it is stored for its worker: one line of JSON, and then the body as it was sent.

It contains no key: neither the gateway's nor a provider's. The body is that of an HTTP request, or an edit as a JSON
object that came in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import orjson

from retouch.api.edit_context import edit_context, event_context
from retouch.api.endpoint_request import Caller, EndpointRequest
from retouch.api.request.credentials import KEY_HEADERS
from retouch.api.request.job_headers import remove_job_fields
from retouch.api.request.portkey_headers import select_forwardable
from retouch.core.edit_types import HttpRequest
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.core.settings import Settings
from retouch.gateway.authentication import Principal
from retouch.gateway.request_stages import EDITS_PATH
from retouch.gateway.services import RequestContext, Services
from retouch.tenants.keys import GatewayKey, plain_key
from retouch.tenants.records import from_record, remove_digests, to_record

# Each try of a client may have others of them.
_TRY_HEADERS = ("traceparent", "tracestate", f"{PORTKEY_PREFIX}trace-id", "idempotency-key")
_SDK_PREFIX = "x-stainless-"
_STORED_HEADERS = ("content-type", "content-encoding", "traceparent")


def encode_request(request: EndpointRequest) -> bytes:
    """Return the request as bytes. A request with a secret is refused earlier."""
    http_request = request.http_request
    head = _encode_head(request, http_request.path, _stored_headers(http_request.headers))
    return head + b"\n" + http_request.body


def encode_line_head(request: EndpointRequest, result_folder: str) -> bytes:
    """Return the first line of the stored request of each edit of a batch, from the request that makes the batch.

    The results of the edits are stored in a folder of the bucket.
    """
    headers = _stored_headers(request.http_request.headers)
    kept = {
        name: value
        for name, value in headers.items()
        if name not in _TRY_HEADERS and not name.startswith(_SDK_PREFIX)
    }
    headers = {**kept, "content-type": "application/json"}
    return _encode_head(request, EDITS_PATH, headers, {"result_folder": result_folder})


def _encode_head(
    request: EndpointRequest,
    path: str,
    headers: Mapping[str, str],
    others: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    head = {
        **others,
        "path": path,
        "headers": headers,
        "base_url": request.http_request.base_url,
        **_principal_values(request.caller.principal),
        "error_format": request.dialect,  # the name that stored jobs have
    }
    return orjson.dumps(head)


def encode_event(event: Mapping[str, Any], principal: Principal) -> bytes:
    """Return an edit that is no HTTP request as bytes."""
    return orjson.dumps(_principal_values(principal)) + b"\n" + orjson.dumps(event)


def stored_context(
    data: bytes, request_id: str, deadline: float, settings: Settings, services: Services
) -> RequestContext:
    """Return the context of the stored edit. Raises InvalidRequest, and ValueError or KeyError for other bytes."""
    head, _, body = data.partition(b"\n")
    values: dict[str, Any] = orjson.loads(head)
    principal = Principal(_read_key(values), values.get("is_operator", False))
    if "path" not in values:
        return event_context(orjson.loads(body), principal, request_id, deadline, settings)
    request = EndpointRequest(
        HttpRequest(values["path"], values["headers"], body, values["base_url"]),
        {},
        request_id,
        deadline,
        Caller(principal, settings),
        values["error_format"],
    )
    context = edit_context(request, services)
    form = remove_job_fields(context.form)
    return replace(context, form=form, result_folder=values.get("result_folder", ""))


def _principal_values(principal: Principal) -> dict[str, Any]:
    key = to_record(remove_digests(principal.key)) if principal.key else None
    return {"key": key, "is_operator": principal.is_operator}


def _read_key(values: Mapping[str, Any]) -> GatewayKey | None:
    if "key" in values:
        return from_record(GatewayKey, values["key"]) if values["key"] else None
    # A request that an earlier version has stored names the key and its digest.
    return plain_key(values["key_name"], values["key_id"]) if values["key_id"] else None


def _stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    forwardable = select_forwardable(headers, headers)
    return {
        name: value
        for name, value in headers.items()
        if name not in KEY_HEADERS
        and (name in _STORED_HEADERS or name.startswith(PORTKEY_PREFIX) or name in forwardable)
    }
