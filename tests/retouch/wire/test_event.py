"""Events of both shapes, with and without what they should have."""

import base64

import pytest

from retouch.errors import InvalidRequest, TooLarge
from retouch.wire.event import as_v1, inbound, is_http
from retouch.wire.limits import Limits
from tests.support.events import event

V2 = {
    "version": "2.0",
    "rawPath": "/v1/images/edits/",
    "requestContext": {"http": {"method": "POST", "path": "/v1/images/edits/"}, "requestId": "r"},
    "headers": {"content-type": "text/plain"},
    "body": "aGk=",
    "isBase64Encoded": True,
}


def test_rest_event():
    request = inbound(event("text/plain", b"\x00\xff", {"X-Thing": "a"}))
    assert request.path == "/v1/images/edits"
    assert request.headers["x-thing"] == "a"
    assert request.body == b"\x00\xff"


def test_http_api_event():
    assert inbound(V2).body == b"hi"
    assert as_v1(V2)["httpMethod"] == "POST"
    assert as_v1(V2)["path"] == "/v1/images/edits"


def test_headers_only_in_their_multiple_form():
    request = event("text/plain", b"x")
    request["headers"] = None
    assert inbound(request).headers["content-type"] == "text/plain"


@pytest.mark.parametrize("raw", ["aGk=!", "aG k=", "====", "aGk-_w=="])
def test_broken_base64_is_refused(raw):
    request = {**event("text/plain", b"x"), "body": raw}
    with pytest.raises(InvalidRequest) as caught:
        inbound(request)
    assert caught.value.code == "invalid_base64"


def test_base64_in_lines_is_what_it_says():
    data = bytes(range(256))
    request = {**event("text/plain", b"x"), "body": base64.encodebytes(data).decode()}
    assert inbound(request).body == data


def test_the_limit_is_exact():
    request = event("text/plain", b"x" * 100)
    assert len(inbound(request, Limits(body=100)).body) == 100
    with pytest.raises(TooLarge):
        inbound(request, Limits(body=99))


@pytest.mark.parametrize("other", [None, [], "x", {"Records": []}, {"requestContext": None}])
def test_what_is_no_request(other):
    assert not is_http(other)
