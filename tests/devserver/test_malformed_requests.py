"""Tests of requests that are not valid HTTP, over a socket: the error has the envelope, and nothing was paid."""

import http.client
import socket

import orjson
import pytest

from devserver.server import DevServer


@pytest.fixture(scope="module")
def address():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        host, port = server.url.removeprefix("http://").split(":")
        yield host, int(port)


def send_raw(address, head, body=b""):
    """Send the lines of a head, and return the response's status, headers and error."""
    with socket.create_connection(address, timeout=60) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        response = http.client.HTTPResponse(sock)
        response.begin()
        return response.status, response.headers, orjson.loads(response.read())["error"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (["OPTIONS * HTTP/1.1", "Host: x"], b""),
        (["FOO /v1/images/edits HTTP/1.1", "Host: x"], b""),
        (["get /v1/models HTTP/1.1", "Host: x"], b""),
        (["CONNECT evil.example:80 HTTP/1.1", "Host: x"], b""),
        (["GET /v1/models HTTP/1.1", "Host: x", "X-A: a\0b"], b""),
        (["GET /v1/models?" + "a" * 100_000 + " HTTP/1.1", "Host: x"], b""),
        (["POST /v1/images/edits HTTP/1.1", "Content-Length: 2", "Content-Length: 3"], b"{}"),
        (
            ["POST /v1/images/edits HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: chunked"],
            b"{}",
        ),
        (["POST /v1/images/edits HTTP/1.1", "Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        (["POST /v1/images/edits HTTP/1.1", "Transfer-Encoding: chunked"], b"zz\r\n"),
        (["\x16\x03\x01\x02\x00\x01"], b""),
    ],
)
def test_malformed_request_gets_400_in_the_envelope(address, head, body):
    status, headers, error = send_raw(address, head, body)
    assert (status, error["code"]) == (400, "malformed_request")
    assert error["type"] == "invalid_request_error"
    assert (headers["x-retouch-billed"], headers["x-should-retry"]) == ("no", "false")
    assert headers["content-type"] == "application/json"
