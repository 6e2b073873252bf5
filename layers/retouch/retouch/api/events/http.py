"""Conversion of a Lambda event into an HttpRequest.

Accepts the REST (v1) proxy events of API Gateway and the HTTP (v2) events of function URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pybase64

from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.core.edit_types import HttpRequest
from retouch.core.errors import InvalidRequest, TooLarge

_MIME_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]+={0,2}[\r\n]*", re.ASCII)


def is_http_event(event: object) -> bool:
    """Return whether the event is an HTTP request. Other events with a request context have no method."""
    if not isinstance(event, Mapping):
        return False
    context = event.get("requestContext")
    return isinstance(context, Mapping) and ("httpMethod" in event or "http" in context)


def to_v1_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with the v1 fields that the Powertools resolver routes by, also for a v2 event."""
    http_context = event["requestContext"].get("http") or {}
    path = str(event.get("path") or event.get("rawPath") or "/")
    return {
        **event,
        "path": path.rstrip("/") or "/",
        "httpMethod": event.get("httpMethod") or http_context.get("method") or "GET",
        "headers": read_headers(event),
        "multiValueHeaders": {},
    }


def to_http_request(event: Mapping[str, Any], limits: BodyLimits = DEFAULT_LIMITS) -> HttpRequest:
    """Return the HTTP request in the event.

    Raises InvalidRequest when the body cannot be decoded, and TooLarge when the body is over its limit.
    """
    return HttpRequest(
        path=str(event.get("path") or event.get("rawPath") or "/"),
        headers=read_headers(event),
        body=read_body(event, limits),
        base_url=base_url(event),
    )


def base_url(event: Mapping[str, Any]) -> str:
    """Return the API's base URL, including its stage or path mapping.

    The URL comes from API Gateway's request context, because a caller could forge a header.
    """
    context = event["requestContext"]
    domain, path = context.get("domainName"), str(event.get("path") or event.get("rawPath") or "/")
    full_path = str(context.get("path") or path)
    return f"https://{domain}{full_path.removesuffix(path)}" if domain else ""


def read_headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by lower-case name. The last value wins when a name occurs twice."""
    values_by_name = {
        header_name.lower(): str(header_value)
        for header_name, header_value in (event.get("headers") or {}).items()
        if header_value is not None
    }
    for name, values in (event.get("multiValueHeaders") or {}).items():
        if values and name.lower() not in values_by_name:
            values_by_name[name.lower()] = str(values[-1])
    return values_by_name


def read_body(event: Mapping[str, Any], limits: BodyLimits) -> bytes:
    """Return the body's bytes. Raises TooLarge when the body is over its limit.

    Base64 is decoded strictly: invalid characters raise InvalidRequest, they are not skipped.
    """
    raw = event.get("body")
    if not raw:
        return b""
    data = _decode_base64(raw) if event.get("isBase64Encoded") else raw.encode()
    if len(data) > limits.max_body_bytes:
        raise TooLarge(
            f"The body has {len(data)} bytes; at most {limits.max_body_bytes} are accepted. Upload larger images "
            "with POST /v1/uploads and name them in the request; docs/large-pictures.md has a helper that does this."
        )
    return data


def _decode_base64(raw: str) -> bytes:
    try:
        return pybase64.b64decode(raw, validate=True)
    except ValueError:
        # MIME base64 may contain line feeds. Any other foreign character means that the body is damaged.
        if "\n" in raw and _MIME_BASE64.fullmatch(raw):
            return _decode_base64(raw.replace("\r", "").replace("\n", ""))
    raise InvalidRequest(
        "The body is flagged as base64 but is not valid base64. Send the event in the form that API Gateway sends it.",
        code="invalid_base64",
    )
