"""Tests of the router: the resolver of Powertools is the reference."""

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response

from retouch.api.cors import CorsPolicy
from retouch.api.events.http import to_v1_event
from retouch.api.router import HttpEvent, Router
from retouch.api.routes import ROUTES, allowed_methods
from retouch.core.http_response import HttpResponse

ALLOWED_HEADERS = ["Authorization", "Content-Type", "X-Amz-Date"]
ALLOWED_HEADERS += ["X-Amz-Security-Token", "X-Api-Key", "api-key", "x-portkey-config"]
EXPOSED_HEADERS = ["x-request-id", "x-retouch-billed"]
ORIGINS = ("https://app.example", "https://second.example")
BROWSER = {"Origin": ORIGINS[0]}

PATHS = [
    *(path.replace("{id+}", "local/erase").replace("{token}", "t") for _, path in ROUTES),
    "/v1/models/local%2Ferase",
    "/v1/models/",
    "/v1/models//",
    "/v1/models/a//",
    "/v1/files",
    "/v1/files/",
    "/v1/files/a/b",
    "/v1/images/edits/",
    "/v1/images/edits//",
    "/v1/images/edits/x",
    "/v1/images/generations",
    "/openai/deployments/gpt-image-2/images/edits",
    "/openai/deployments/",
    "/health/deep",
    "/HEALTH",
    "//",
    "/favicon.ico",
]
METHODS = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "post", "options"]


def label_response(name):
    return HttpResponse(
        200, {"Content-Type": "application/json", "x-route": str(name)}, b"%d bytes" % len(name)
    )


def respond_not_found(_):
    return HttpResponse(404, {"Content-Type": "application/json"}, b"not found")


def build_router(origins=ORIGINS):
    cors = CorsPolicy(frozenset(origins), ",".join(ALLOWED_HEADERS), ",".join(EXPOSED_HEADERS))
    responders = {route: lambda _, route=route: label_response(route) for route in ROUTES}
    return Router(responders, respond_not_found, cors if origins else None)


def build_reference(origins=ORIGINS):
    """Return a resolver of Powertools with the same routes and the same CORS rules."""
    cors = CORSConfig(
        origins[0] if origins else "*",
        extra_origins=list(origins[1:]),
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=3600,
    )
    resolver = APIGatewayRestResolver(serializer=str, cors=cors if origins else None)
    for method, path in ROUTES:
        rule = path.replace("{id+}", "(?:.+)").replace("{path+}", "(?:.+)")
        rule = (
            rule.replace("{token}", "(?:[^/]+)")
            .replace("{id}", "(?:[^/]+)")
            .replace(".json", r"\.json")
        )
        resolver.route(rule, method=method)(
            lambda route=(method, path): to_powertools(label_response(route))
        )
    resolver.not_found(lambda _: to_powertools(respond_not_found(None)))
    return resolver


def to_powertools(response):
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    content_type = response.headers["Content-Type"]
    return Response(response.status, content_type, response.body.decode(), headers)


def http_event(method, path, headers=None):
    """Return an event of a REST API in the form that both routers read."""
    event = {
        "httpMethod": method,
        "path": path,
        "headers": headers or {},
        "requestContext": {"requestId": "r"},
    }
    return to_v1_event(event, lambda candidate: bool(allowed_methods(candidate)))


def comparable(response):
    body = response["body"]
    return {
        **response,
        "body": body.encode() if isinstance(body, str) else bytes(body),
        "multiValueHeaders": dict(response["multiValueHeaders"]),
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("origins", [ORIGINS, ()], ids=["with CORS", "without CORS"])
def test_response_equals_the_response_of_powertools(method, origins):
    router, reference = build_router(origins), build_reference(origins)
    for path in PATHS:
        event = http_event(method, path, BROWSER)
        expected = comparable(reference.resolve(event, None))
        assert comparable(router.respond(HttpEvent(event, None))) == expected, path


@pytest.mark.parametrize("origin", [*ORIGINS, "https://evil.example", "null", "", None])
@pytest.mark.parametrize("origins", [ORIGINS, ("*",), (*ORIGINS, "*"), ("null",)])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
def test_cors_headers_equal_those_of_powertools(method, origins, origin):
    headers = {} if origin is None else {"origin": origin}
    event = http_event(method, "/v1/images/edits", headers)
    expected = comparable(build_reference(origins).resolve(event, None))
    assert comparable(build_router(origins).respond(HttpEvent(event, None))) == expected


def test_dot_in_a_path_is_no_wildcard():
    response = build_router().respond(HttpEvent(http_event("GET", "/openapi_json"), None))
    assert response["statusCode"] == 404
    assert allowed_methods("/openapi_json") == []
    assert allowed_methods("/openapi.json") == ["GET", "HEAD"]


def test_line_feed_ends_no_path():
    response = build_router().respond(HttpEvent(http_event("GET", "/health\n"), None))
    assert response["statusCode"] == 404
