"""Convert an HTTP request to the proxy event that a REST API (payload version 1.0) sends to its function."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
import pybase64

from devserver.routes import FunctionRoute

Scope = Mapping[str, Any]

ACCOUNT_ID = "123456789012"
_API_ID = "local"
_STAGE = "local"
_DROPPED_HEADERS = frozenset(
    b"connection content-length expect keep-alive proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_EMPTY_IDENTITY: dict[str, None] = dict.fromkeys(
    [
        "accessKey",
        "accountId",
        "apiKey",
        "apiKeyId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    ]
)


def encode_event(
    scope: Scope, body: bytes, route: FunctionRoute, request_id: str, trace_id: str
) -> bytes:
    """Return the event as JSON bytes.

    The body is joined to the encoded event, because base64 needs no JSON escaping.
    """
    event = orjson.dumps(_proxy_event(scope, route, request_id, trace_id))
    if not body:
        return event[:-1] + b',"body":null,"isBase64Encoded":false}'
    encoded = pybase64.b64encode(body)
    return b"".join((event[:-1], b',"body":"', encoded, b'","isBase64Encoded":true}'))


def _proxy_event(
    scope: Scope, route: FunctionRoute, request_id: str, trace_id: str
) -> dict[str, Any]:
    path = scope["raw_path"].decode("latin-1")
    resource, parameters = _resource_and_parameters(route, path)
    headers = _multi_value_headers(scope, trace_id)
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": scope["method"],
        "headers": _last_values(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last_values(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            **_request_context(scope, request_id),
            "resourcePath": resource,
            "path": f"/{_STAGE}{path}",
            "domainName": _last_values(headers).get("Host"),
            "identity": _identity(scope, headers),
        },
    }


def _resource_and_parameters(route: FunctionRoute, path: str) -> tuple[str, dict[str, str] | None]:
    """Return the resource and its path parameters: the route itself, or the greedy resource below it."""
    if path == route.prefix:
        return path, None
    parent = route.prefix.rstrip("/") + "/"
    return parent + "{proxy+}", {"proxy": unquote(path[len(parent) :])}


def _request_context(scope: Scope, request_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": ACCOUNT_ID,
        "apiId": _API_ID,
        "domainPrefix": _API_ID,
        "extendedRequestId": request_id,
        "httpMethod": scope["method"],
        "protocol": f"HTTP/{scope['http_version']}",
        "requestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": _API_ID,
        "stage": _STAGE,
    }


def _identity(scope: Scope, headers: Mapping[str, list[str]]) -> dict[str, Any]:
    agent = headers.get("User-Agent", [None])[-1]
    return {**_EMPTY_IDENTITY, "sourceIp": scope["client"][0], "userAgent": agent}


def _multi_value_headers(scope: Scope, trace_id: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if name not in _DROPPED_HEADERS:
            headers.setdefault(_header_name(name), []).append(value.decode("latin-1"))
    forwarded = [*headers.get("X-Forwarded-For", ()), scope["client"][0]]
    headers["X-Forwarded-For"] = [", ".join(forwarded)]
    headers["X-Forwarded-Port"] = [str(scope["server"][1])]
    headers["X-Forwarded-Proto"] = [scope["scheme"]]
    headers["X-Amzn-Trace-Id"] = [trace_id]
    return headers


@lru_cache(maxsize=256)
def _header_name(name: bytes) -> str:
    """Return the header name in title case.

    Clients may spell header names in any case. Title case shows a function that wrongly expects lower case.
    """
    return name.decode("latin-1").title()


def _last_values(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: all_values[-1] for name, all_values in values.items()}
