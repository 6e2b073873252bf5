"""Conversion of a Lambda event into an HttpRequest.

Accepts the REST (v1) proxy events of API Gateway and the HTTP (v2) events of function URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import pybase64

from retouch.api.request.limits import DEFAULT_LIMITS, BodyLimits
from retouch.core.edit_types import HttpRequest
from retouch.core.errors import InvalidRequest, TooLarge

# A second line of these headers must not be overlooked. RFC 9110 joins the lines of a list with commas.
_JOINED_HEADERS = ("idempotency-key",)
_MIME_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]+={0,2}[\r\n]*", re.ASCII)
# Azure's SDKs send the key in this header, and only to these paths.
_AZURE_KEY_HEADER, _AZURE_PATHS = "api-key", "/openai/"
_PATH_VARIABLE = re.compile(r"\{(\w+)\+?\}")


def is_http_event(event: object) -> bool:
    """Return whether the event is an HTTP request. Other events with a request context have no method."""
    if not isinstance(event, Mapping):
        return False
    context = event.get("requestContext")
    return isinstance(context, Mapping) and ("httpMethod" in event or "http" in context)


def to_v1_event(event: Mapping[str, Any], is_route: Callable[[str], bool]) -> dict[str, Any]:
    """Return the event with the v1 fields that the router reads, also for a v2 event.

    `path` is the path of the route. `requestContext.path` is the path that the client requested.
    """
    context = event["requestContext"]
    http_context = context.get("http") or {}
    path, headers = route_path(event, is_route), read_headers(event)
    if not path.startswith(_AZURE_PATHS):
        headers.pop(_AZURE_KEY_HEADER, None)
    return {
        **event,
        "path": path,
        "httpMethod": event.get("httpMethod") or http_context.get("method") or "GET",
        "headers": headers,
        "multiValueHeaders": {},
        "requestContext": {**context, "path": _requested_path(event)},
    }


def route_path(event: Mapping[str, Any], is_route: Callable[[str], bool]) -> str:
    """Return the path without the stage and without the base path of a custom domain.

    API Gateway names the route in `resource` (v1) or `routeKey` (v2). A function URL and the route "$default" name
    none: there, the leading segments of the path are dropped until `is_route` accepts the rest.
    """
    path = _trim_slash(_event_path(event))
    resource = event.get("resource") or str(event.get("routeKey") or "").partition(" ")[2]
    parameters = event.get("pathParameters") or {}
    if resource and set(_PATH_VARIABLE.findall(resource)) <= parameters.keys():
        return _trim_slash(_PATH_VARIABLE.sub(lambda name: parameters[name[1]], resource))
    segments = path.split("/")
    candidates = ("/" + "/".join(segments[start:]) for start in range(1, len(segments)))
    return path if resource else next(filter(is_route, candidates), path)


def to_http_request(event: Mapping[str, Any], limits: BodyLimits = DEFAULT_LIMITS) -> HttpRequest:
    """Return the HTTP request in the event.

    Raises InvalidRequest when the body cannot be decoded, and TooLarge when the body is over its limit.
    """
    return HttpRequest(
        path=_event_path(event),
        headers=read_headers(event),
        body=read_body(event, limits),
        base_url=base_url(event),
        has_trailing_slash=_requested_path(event).endswith("/"),
    )


def base_url(event: Mapping[str, Any]) -> str:
    """Return the API's base URL, including its stage or path mapping. Empty when the event does not have it.

    The URL comes from API Gateway's request context, because a caller could forge a header.
    """
    domain = event["requestContext"].get("domainName")
    path = unquote(_event_path(event)).rstrip("/")
    requested_path = unquote(_requested_path(event)).rstrip("/")
    is_known = domain and requested_path.endswith(path)
    return f"https://{domain}{requested_path.removesuffix(path)}" if is_known else ""


def _event_path(event: Mapping[str, Any]) -> str:
    return str(event.get("path") or event.get("rawPath") or "/")


def _requested_path(event: Mapping[str, Any]) -> str:
    context = event["requestContext"]
    http_context = context.get("http") or {}
    return str(context.get("path") or http_context.get("path") or _event_path(event))


def _trim_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def read_headers(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers by lower-case name. The last value wins when a name occurs twice, with few exceptions."""
    values_by_name = {
        header_name.lower(): str(header_value)
        for header_name, header_value in (event.get("headers") or {}).items()
        if header_value is not None
    }
    for name, values in (event.get("multiValueHeaders") or {}).items():
        if name.lower() in _JOINED_HEADERS and values:
            values_by_name[name.lower()] = ", ".join(map(str, values))
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
