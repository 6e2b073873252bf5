"""Tests of events of both API Gateway formats, complete and incomplete."""

import base64

import pytest

from retouch.api.events.http import is_http_event, to_http_request, to_v1_event
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
    assert to_v1_event(HTTP_API_EVENT)["httpMethod"] == "POST"
    assert to_v1_event(HTTP_API_EVENT)["path"] == "/v1/images/edits"


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
