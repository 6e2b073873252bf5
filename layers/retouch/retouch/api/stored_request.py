"""The request of a job as it is stored for its worker: one line of JSON, and then the body as it was sent.

It contains no key: neither the gateway's nor a provider's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.endpoint_request import Caller, EndpointRequest
from retouch.api.request.credentials import KEY_HEADERS
from retouch.api.request.portkey_headers import select_forwardable
from retouch.api.response.errors import ErrorFormat
from retouch.core.edit_types import HttpRequest
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.core.settings import Settings
from retouch.gateway.authentication import Principal
from retouch.tenants.keys import GatewayKey, plain_key
from retouch.tenants.records import from_record, to_record, without_digests

_STORED_HEADERS = ("content-type", "content-encoding", "traceparent")


def encode_request(request: EndpointRequest) -> bytes:
    """Return the request as bytes. A request with a secret is refused earlier."""
    http_request, principal = request.http_request, request.caller.principal
    head = {
        "path": http_request.path,
        "headers": _stored_headers(http_request.headers),
        "base_url": http_request.base_url,
        "key": to_record(without_digests(principal.key)) if principal.key else None,
        "error_format": request.error_format,
    }
    return orjson.dumps(head) + b"\n" + http_request.body


def decode_request(
    data: bytes, request_id: str, deadline: float, settings: Settings
) -> EndpointRequest:
    """Return the request as its worker makes it. Raises ValueError or KeyError for other bytes."""
    head, _, body = data.partition(b"\n")
    values: dict[str, Any] = orjson.loads(head)
    error_format: ErrorFormat = values["error_format"]
    return EndpointRequest(
        HttpRequest(values["path"], values["headers"], body, values["base_url"]),
        {},
        request_id,
        deadline,
        Caller(Principal(_read_key(values)), settings),
        error_format,
    )


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
