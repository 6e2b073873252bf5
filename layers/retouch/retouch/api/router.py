"""Chooses the function that responds to an HTTP event, and renders its response for API Gateway.

The rules are those of the resolver of Powertools: the tests compare both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from retouch.api.cors import CorsPolicy
from retouch.core.http_response import HttpResponse

_VARIABLE = re.compile(r"\\\{\w+(\\\+)?\\\}")


class HttpEvent(NamedTuple):
    """An HTTP event in the form of `to_v1_event`, and the context of its invocation."""

    event: Mapping[str, Any]
    lambda_context: Any

    @property
    def method(self) -> str:
        """Return the method as the client wrote it."""
        return str(self.event["httpMethod"])

    @property
    def path(self) -> str:
        """Return the path of the route."""
        return str(self.event["path"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers by lower-case name."""
        headers: Mapping[str, str] = self.event["headers"]
        return headers

    @property
    def query(self) -> Mapping[str, str]:
        """Return the parameters of the query string."""
        return self.event.get("queryStringParameters") or {}

    @property
    def query_values(self) -> Mapping[str, Sequence[str]]:
        """Return every value of each parameter of the query string."""
        values = self.event.get("multiValueQueryStringParameters")
        return values or {name: [value] for name, value in self.query.items()}

    @property
    def request_id(self) -> str:
        """Return the request id that API Gateway made. A caller cannot choose it."""
        return str(self.event["requestContext"].get("requestId") or "")


Responder = Callable[[HttpEvent], HttpResponse]


class Router:
    """The responders by method and path. `respond_not_found` responds to a request that no route takes."""

    def __init__(
        self,
        responders: Mapping[tuple[str, str], Responder],
        respond_not_found: Responder,
        cors: CorsPolicy | None,
    ) -> None:
        self._responders, self._respond_not_found = responders, respond_not_found
        self._cors = cors
        self._preflight_methods = ",".join(sorted({"OPTIONS", *(m for m, _ in responders)}))

    def respond(self, request: HttpEvent) -> dict[str, Any]:
        """Return the proxy response of API Gateway. The body is bytes or an iterator, as the runtime loop takes it."""
        cors_headers = self._cors.response_headers(request.headers) if self._cors else {}
        if self._cors and request.method.upper() == "OPTIONS":
            preflight = {"Access-Control-Allow-Methods": self._preflight_methods}
            return _proxy_response(204, {**preflight, **cors_headers}, b"")
        response = self._find_responder(request)(request)
        return _proxy_response(response.status, {**response.headers, **cors_headers}, response.body)

    def _find_responder(self, request: HttpEvent) -> Responder:
        method, path = request.method.upper(), request.path
        if responder := self._responders.get((method, path)):
            return responder
        for (route_method, route), responder in self._responders.items():
            if route_method == method and "{" in route and path_pattern(route).fullmatch(path):
                return responder
        return self._respond_not_found


@cache
def path_pattern(path: str) -> re.Pattern[str]:
    """Return a pattern for the paths of a route. {name} is a segment, and {name+} is any rest.

    Patterns are compiled when a request needs them: a cold start for an edit needs none.
    """
    escaped = re.escape(path)
    return re.compile(_VARIABLE.sub(lambda variable: ".+" if variable[1] else "[^/]+", escaped))


def _proxy_response(status: int, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    return {
        "statusCode": status,
        "body": body,
        "isBase64Encoded": False,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
    }
