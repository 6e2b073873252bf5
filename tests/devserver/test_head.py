"""Tests of HEAD requests over a socket: the length of GET, and no body."""

import http.client

import pytest

from devserver.server import DevServer


@pytest.fixture(scope="module")
def connection():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        yield connection
        connection.close()


def send(connection, method, path):
    connection.request(method, path)
    response = connection.getresponse()
    return response.status, response.headers["content-length"], response.read()


@pytest.mark.parametrize("path", ["/", "/v1/models", "/v1/models/local/erase", "/openapi.json"])
def test_head_has_the_length_of_get_and_no_body(connection, path):
    status, length, body = send(connection, "GET", path)
    assert (status, int(length)) == (200, len(body))
    assert send(connection, "HEAD", path) == (200, length, b"")
    assert send(connection, "GET", path) == (200, length, body), "the connection is still in step"
