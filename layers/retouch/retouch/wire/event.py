"""A Lambda event -> Inbound. Takes REST (v1) proxy events and the HTTP (v2) shape of function URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pybase64

from retouch.errors import InvalidRequest, TooLarge
from retouch.messages import Inbound
from retouch.wire.limits import DEFAULT, Limits

_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]+={0,2}[\r\n]*", re.ASCII)


def is_http(event: object) -> bool:
    """Whether the event is an HTTP request at all, not a ping or a direct invoke."""
    return isinstance(event, Mapping) and isinstance(event.get("requestContext"), Mapping)


def as_v1(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with what the resolver routes by, also where it came in the HTTP (v2) shape."""
    http = event["requestContext"].get("http") or {}
    path = str(event.get("path") or event.get("rawPath") or "/")
    return {
        **event,
        "path": path.rstrip("/") or "/",
        "httpMethod": event.get("httpMethod") or http.get("method") or "GET",
        "headers": headers(event),
        "multiValueHeaders": {},
    }


def inbound(event: Mapping[str, Any], limits: Limits = DEFAULT) -> Inbound:
    """The request in the event. InvalidRequest when its body cannot be decoded, TooLarge when it is too long."""
    return Inbound(
        path=str(event.get("path") or event.get("rawPath") or "/"),
        headers=headers(event),
        body=body(event, limits),
        base=base(event),
    )


def base(event: Mapping[str, Any]) -> str:
    """The API's own address, its stage or mapping included: from the front's context, not from a header."""
    context = event["requestContext"]
    domain, path = context.get("domainName"), str(event.get("path") or event.get("rawPath") or "/")
    whole = str(context.get("path") or path)
    return f"https://{domain}{whole.removesuffix(path)}" if domain else ""


def headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Header names in lower case; the last value wins where a name came twice."""
    found = {k.lower(): str(v) for k, v in (event.get("headers") or {}).items() if v is not None}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        if values and name.lower() not in found:
            found[name.lower()] = str(values[-1])
    return found


def body(event: Mapping[str, Any], limits: Limits) -> bytes:
    """The body's bytes; base64 is decoded strictly, so junk is refused instead of skipped."""
    raw = event.get("body")
    if not raw:
        return b""
    data = _from_base64(raw) if event.get("isBase64Encoded") else raw.encode()
    if len(data) > limits.body:
        raise TooLarge(f"The body has {len(data)} bytes; at most {limits.body} are accepted.")
    return data


def _from_base64(raw: str) -> bytes:
    try:
        return pybase64.b64decode(raw, validate=True)
    except ValueError:
        # Line feeds inside are legal MIME base64; anything else is damage.
        if "\n" in raw and _BASE64.fullmatch(raw):
            return _from_base64(raw.replace("\r", "").replace("\n", ""))
    raise InvalidRequest(
        "The body is flagged as base64 but is not valid base64. Send the event as API Gateway makes it.",
        code="invalid_base64",
    )
