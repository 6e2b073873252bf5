"""HTTP request -> the proxy event a REST API (payload version 1.0) sends to its function."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson
import pybase64

from local.routes import Route

Scope = Mapping[str, Any]

ACCOUNT = "123456789012"
_API = "local"
_STAGE = "local"
_NOT_PASSED_ON = frozenset(
    b"connection content-length expect keep-alive proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_NOBODY: dict[str, None] = dict.fromkeys(
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


def encode(scope: Scope, body: bytes, route: Route, request_id: str, trace_id: str) -> bytes:
    """The event as JSON. The body is spliced in: base64 needs no escaping, so no second look."""
    event = orjson.dumps(_event(scope, route, request_id, trace_id))
    if not body:
        return event[:-1] + b',"body":null,"isBase64Encoded":false}'
    encoded = pybase64.b64encode(body)
    return b"".join((event[:-1], b',"body":"', encoded, b'","isBase64Encoded":true}'))


def _event(scope: Scope, route: Route, request_id: str, trace_id: str) -> dict[str, Any]:
    path = scope["raw_path"].decode("latin-1")
    resource, parameters = _resource(route, path)
    headers = _headers(scope, trace_id)
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": scope["method"],
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            **_context(scope, request_id),
            "resourcePath": resource,
            "path": f"/{_STAGE}{path}",
            "domainName": _last(headers).get("Host"),
            "identity": _identity(scope, headers),
        },
    }


def _resource(route: Route, path: str) -> tuple[str, dict[str, str] | None]:
    """The row itself, or the greedy resource below it."""
    if path == route.prefix:
        return path, None
    below = route.prefix.rstrip("/") + "/"
    return below + "{proxy+}", {"proxy": unquote(path[len(below) :])}


def _context(scope: Scope, request_id: str) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": ACCOUNT,
        "apiId": _API,
        "domainPrefix": _API,
        "extendedRequestId": request_id,
        "httpMethod": scope["method"],
        "protocol": f"HTTP/{scope['http_version']}",
        "requestId": request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": _API,
        "stage": _STAGE,
    }


def _identity(scope: Scope, headers: Mapping[str, list[str]]) -> dict[str, Any]:
    agent = headers.get("User-Agent", [None])[-1]
    return {**_NOBODY, "sourceIp": scope["client"][0], "userAgent": agent}


def _headers(scope: Scope, trace_id: str) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if name not in _NOT_PASSED_ON:
            headers.setdefault(_spelling(name), []).append(value.decode("latin-1"))
    forwarded = [*headers.get("X-Forwarded-For", ()), scope["client"][0]]
    headers["X-Forwarded-For"] = [", ".join(forwarded)]
    headers["X-Forwarded-Port"] = [str(scope["server"][1])]
    headers["X-Forwarded-Proto"] = [scope["scheme"]]
    headers["X-Amzn-Trace-Id"] = [trace_id]
    return headers


@lru_cache(maxsize=256)
def _spelling(name: bytes) -> str:
    """A caller may spell header names in any way: here never as a careless function expects."""
    return name.decode("latin-1").title()


def _last(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: several[-1] for name, several in values.items()}
