"""Tests of events of both API Gateway formats, complete and incomplete."""

import base64

import pytest

from retouch.api.events.http import base_url, is_http_event, to_http_request, to_v1_event
from retouch.api.handlers.edits import is_route
from retouch.api.request.limits import BodyLimits
from retouch.core.errors import InvalidRequest, TooLarge
from tests.support.events import proxy_event

HTTP_API_EVENT = {
    "version": "2.0",
    "rawPath": "/v1/images/edits/",
    "requestContext": {"http": {"method": "POST", "path": "/v1/images/edits/"}, "requestId": "r"},
    "headers": {"content-type": "text/plain"},
    "body": "aGk=",
    "isBase64Encoded": True,
}


def test_rest_api_event_is_read_as_http_request():
    request = to_http_request(proxy_event("text/plain", b"\x00\xff", {"X-Thing": "a"}))
    assert request.path == "/v1/images/edits"
    assert request.headers["x-thing"] == "a"
    assert request.body == b"\x00\xff"


def test_http_api_event_is_read_as_http_request():
    assert to_http_request(HTTP_API_EVENT).body == b"hi"
    assert to_v1_event(HTTP_API_EVENT, is_route)["httpMethod"] == "POST"
    assert to_v1_event(HTTP_API_EVENT, is_route)["path"] == "/v1/images/edits"


def test_event_with_only_multi_value_headers_is_read():
    request = proxy_event("text/plain", b"x")
    request["headers"] = None
    assert to_http_request(request).headers["content-type"] == "text/plain"


@pytest.mark.parametrize("raw", ["aGk=!", "aG k=", "====", "aGk-_w=="])
def test_invalid_base64_body_is_rejected(raw):
    request = {**proxy_event("text/plain", b"x"), "body": raw}
    with pytest.raises(InvalidRequest) as exc_info:
        to_http_request(request)
    assert exc_info.value.code == "invalid_base64"


def test_base64_body_with_line_breaks_is_decoded():
    data = bytes(range(256))
    request = {**proxy_event("text/plain", b"x"), "body": base64.encodebytes(data).decode()}
    assert to_http_request(request).body == data


def test_body_one_byte_over_limit_is_rejected():
    request = proxy_event("text/plain", b"x" * 100)
    assert len(to_http_request(request, BodyLimits(max_body_bytes=100)).body) == 100
    with pytest.raises(TooLarge):
        to_http_request(request, BodyLimits(max_body_bytes=99))


@pytest.mark.parametrize(
    "other",
    [
        None,
        [],
        "x",
        {"Records": []},
        {"requestContext": None},
        {"requestContext": {}},
        {"requestContext": {"functionArn": "f"}},
    ],
)
def test_event_that_is_no_http_request_is_not_recognized(other):
    assert not is_http_event(other)


DOMAIN = "api.shop.example"


def rest_event(resource, requested_path, parameters=None, path=None):
    """Return a REST API event. On the default domain, only the path in the context has the stage."""
    return {
        "resource": resource,
        "path": path or requested_path,
        "httpMethod": "GET",
        "headers": {},
        "pathParameters": parameters,
        "requestContext": {"domainName": DOMAIN, "path": requested_path, "stage": "prod"},
    }


def http_api_event(route_key, requested_path, parameters=None):
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": requested_path,
        "headers": {},
        **({"pathParameters": parameters} if parameters else {}),
        "requestContext": {
            "domainName": DOMAIN,
            "stage": "prod",
            "http": {"method": "GET", "path": requested_path},
        },
    }


@pytest.mark.parametrize(
    ("event", "path", "base_path"),
    [
        (rest_event("/health", "/img/health"), "/health", "/img"),
        (rest_event("/health", "/img/v2/health/"), "/health", "/img/v2"),
        (rest_event("/health", "/prod/health", path="/health"), "/health", "/prod"),
        (rest_event("/health", "/health"), "/health", ""),
        (rest_event("/", "/img"), "/", "/img"),
        (rest_event("/", "/prod/", path="/"), "/", "/prod"),
        (
            rest_event("/v1/files/{token}", "/img/v1/files/aB.c-_", {"token": "aB.c-_"}),
            "/v1/files/aB.c-_",
            "/img",
        ),
        (
            rest_event("/v1/models/{id+}", "/img/v1/models/a%2Fb", {"id": "a/b"}),
            "/v1/models/a/b",
            "/img",
        ),
        (
            rest_event("/v1/models/{id+}", "/img/v1/models/a%2Fb", {"id": "a%2Fb"}),
            "/v1/models/a%2Fb",
            "/img",
        ),
        (rest_event("/{proxy+}", "/img/v1/models", {"proxy": "v1/models"}), "/v1/models", "/img"),
        (http_api_event("GET /v1/models", "/img/v1/models"), "/v1/models", "/img"),
        (http_api_event("GET /v1/models", "/prod/v1/models"), "/v1/models", "/prod"),
        (
            http_api_event("ANY /{proxy+}", "/img/v1/models", {"proxy": "v1/models"}),
            "/v1/models",
            "/img",
        ),
        (http_api_event("$default", "/img/v1/models/a/b"), "/v1/models/a/b", "/img"),
        (http_api_event("$default", "/prod/health"), "/health", "/prod"),
        (http_api_event("$default", "/v1/models"), "/v1/models", ""),
        (http_api_event("$default", "/"), "/", ""),
        (http_api_event("$default", "/img/nothing"), "/img/nothing", ""),
    ],
)
def test_route_and_base_url_are_found_behind_stage_and_base_path(event, path, base_path):
    v1_event = to_v1_event(event, is_route)
    assert v1_event["path"] == path
    assert base_url(v1_event) == f"https://{DOMAIN}{base_path}"


def test_base_url_is_empty_when_the_requested_path_does_not_end_with_the_route():
    event = rest_event("/health", "/img/other")
    assert base_url(to_v1_event(event, is_route)) == ""


def test_resource_without_its_parameters_is_not_used():
    event = rest_event("/v1/models/{id+}", "/v1/models/local/erase")
    assert to_v1_event(event, is_route)["path"] == "/v1/models/local/erase"
