"""Tests of the HTTP/1.1 client over sockets: requests, connections, TLS and failures."""

import contextlib
import socket
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from devserver.ports import unused_port
from retouch.infrastructure.http1.client import HttpClient
from retouch.infrastructure.http1.errors import (
    ConnectFailed,
    InvalidResponse,
    TruncatedResponse,
)
from tests.support.certificates import certificate_authority, tls_context_for
from tests.support.raw_http import RawServer, send

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_request_has_its_line_host_headers_and_body():
    with RawServer([OK]) as server:
        headers = {"X-A": "1", "Content-Length": "6"}
        send(HttpClient(), server.url + "/v1/a?b=c", "POST", headers, [b"abc", b"def"])
    assert server.requests == [
        f"POST /v1/a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX-A: 1\r\n"
        "Content-Length: 6\r\n\r\nabcdef".encode()
    ]


@pytest.mark.parametrize(("method", "has_length"), [("POST", True), ("PUT", True), ("GET", False)])
def test_request_without_a_body_says_so_where_a_body_is_usual(method, has_length):
    with RawServer([OK]) as server:
        send(HttpClient(), server.url, method)
    assert (b"Content-Length: 0" in server.requests[0]) is has_length


def test_large_body_arrives_in_pieces():
    piece = bytes(range(256)) * 1024
    with RawServer([OK]) as server:
        send(
            HttpClient(), server.url, "POST", {"Content-Length": str(20 * len(piece))}, [piece] * 20
        )
    assert server.requests[0].endswith(piece * 20)


@pytest.mark.parametrize("value", ["a\r\nX-B: 1", "a\nb", "a\rb"])
def test_header_with_a_line_break_is_refused_before_a_connection(value):
    with RawServer([OK]) as server, pytest.raises(ValueError, match="line break"):
        send(HttpClient(), server.url, headers={"X-A": value})
    assert server.connections == 0


def test_header_that_cannot_be_sent_is_refused_and_no_error_has_the_other_headers():
    headers = {"Authorization": "Bearer canary-4d1f", "X-A": "\u65e5"}
    with RawServer([OK]) as server, pytest.raises(ValueError, match="cannot be sent") as raised:
        send(HttpClient(), server.url, headers=headers)
    assert "canary-4d1f" not in "".join(traceback.format_exception(raised.value))
    assert not hasattr(raised.value, "object")
    assert server.connections == 0


@pytest.mark.parametrize("path", ["/a\r\nX-B: 1", "/a\nb"])
def test_url_with_a_line_break_does_not_add_a_header(path):
    with RawServer([OK]) as server:
        send(HttpClient(), server.url + path)
    assert b"\nX-B" not in server.requests[0]


def test_connection_is_used_again():
    client = HttpClient()
    with RawServer([OK]) as server:
        assert [send(client, server.url)[2] for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


def test_connection_that_the_server_closed_meanwhile_is_not_used():
    client = HttpClient()
    with RawServer([OK], closes=True) as server:
        for _ in range(3):
            assert send(client, server.url)[2] == b"ok"
            _wait_for_close(client)
    assert server.connections == 3


def _wait_for_close(client):
    """Wait until the idle connection can be read, which means that the server has closed it."""
    for idle in client._pool._idle.values():
        for connection, _ in idle:
            while connection.is_reusable():
                pass


def test_connection_with_bytes_after_the_response_is_not_used():
    """The bytes could be taken for the response to the next request."""
    client = HttpClient()
    with RawServer([OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", OK]) as server:
        assert send(client, server.url)[0] == 200
        assert send(client, server.url)[0] == 200
    assert server.connections == 2


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Close, TE\r\n",
        b"HTTP/1.0 200 OK\r\n",
    ],
)
def test_connection_of_a_server_that_will_close_is_not_kept(head):
    client = HttpClient()
    with RawServer([head + b"Content-Length: 2\r\n\r\nok"]) as server:
        for _ in range(2):
            send(client, server.url)
    assert server.connections == 2


def test_connection_of_an_old_server_is_kept_when_it_says_so():
    reply = b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok"
    client = HttpClient()
    with RawServer([reply]) as server:
        for _ in range(2):
            send(client, server.url)
    assert server.connections == 1


def test_connection_of_an_unread_response_is_closed():
    client = HttpClient()
    with RawServer([OK]) as server:
        client.send("GET", server.url, {}, (), connect_seconds=5, read_seconds=5).close()
        send(client, server.url)
    assert server.connections == 2


def test_threads_share_a_client():
    client = HttpClient()
    with RawServer([OK]) as server, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: send(client, server.url)[2], range(80)))
    assert results == [b"ok"] * 80
    assert server.connections <= 8


def test_origins_have_their_own_connections():
    client = HttpClient()
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"
    with RawServer([OK]) as first, RawServer([other]) as second:
        for _ in range(2):
            assert send(client, first.url)[2] == b"ok"
            assert send(client, second.url)[2] == b"other"


def test_address_that_refuses_raises_connect_failed():
    with pytest.raises(ConnectFailed):
        send(HttpClient(), f"http://127.0.0.1:{unused_port()}")


def test_name_without_an_address_raises_connect_failed():
    with pytest.raises(ConnectFailed):
        send(HttpClient(), "http://name.invalid")


@pytest.mark.parametrize("reply", [None, b"HTTP/1.1 200"], ids=["nothing", "a part of the head"])
def test_connection_that_ends_before_the_head_raises_truncated_response(reply):
    with RawServer([reply], closes=True) as server, pytest.raises(TruncatedResponse):
        send(HttpClient(), server.url)


def test_silent_server_raises_timeout_error():
    started = time.monotonic()
    with RawServer([b""]) as server, pytest.raises(TimeoutError):
        send(HttpClient(), server.url, read_seconds=0.2)
    # The time for the connection, 5 seconds, does not count for the response.
    assert time.monotonic() - started < 4.5


def test_body_that_stops_raises_timeout_error():
    with (
        RawServer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"]) as server,
        pytest.raises(TimeoutError),
    ):
        send(HttpClient(), server.url, read_seconds=0.2)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (HEAD, b"X-A: 1\r\n"),
        (HEAD + b"\r\n", b"x"),
    ],
    ids=["interim responses", "head", "body"],
)
def test_time_of_a_whole_exchange_is_limited_when_bytes_drip(start, drop):
    with DrippingServer(start, drop) as server:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            send(HttpClient(), server.url, read_seconds=0.5)
        assert time.monotonic() - started < 20
    assert server.drops < 400


@pytest.mark.parametrize("drop", [b"X-A: 1\r\n", b""], ids=["dripping", "silent"])
def test_body_is_complete_after_its_last_chunk_when_the_trailers_do_not_end(drop):
    client = HttpClient()
    with DrippingServer(CHUNKED, drop) as server:
        started = time.monotonic()
        assert [send(client, server.url, read_seconds=60)[2] for _ in range(2)] == [b"ok"] * 2
        assert time.monotonic() - started < 30
    assert server.connections == 2


def test_connection_that_was_idle_for_long_is_not_used():
    now = [1_800_000_000.0]
    client = HttpClient(unix_time=lambda: now[0])
    with RawServer([OK]) as server:
        send(client, server.url)
        now[0] += 59
        send(client, server.url)
        assert server.connections == 1
        now[0] += 61
        send(client, server.url)
    assert server.connections == 2


class DrippingServer(RawServer):
    """A server that sends a start, and then the same few bytes for up to 20 seconds."""

    def __init__(self, start, drop):
        super().__init__([b""])
        self._start, self._drop, self.drops = start, drop, 0

    def _serve(self, accepted):
        with contextlib.suppress(OSError), accepted:
            accepted.recv(65_536)
            accepted.sendall(self._start)
            for _ in range(400):
                accepted.sendall(self._drop)
                self.drops += 1
                time.sleep(0.05)


def test_response_before_the_end_of_the_upload_is_read():
    """A server may refuse a large upload after its head, and close the connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    def refuse():
        accepted, _ = listener.accept()
        accepted.recv(1000)
        accepted.sendall(refusal)
        accepted.shutdown(socket.SHUT_WR)
        while accepted.recv(65_536):
            pass
        accepted.close()

    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    headers = {"Content-Length": str(100 * 262_144)}
    assert send(HttpClient(), url, "POST", headers, [bytes(262_144)] * 100)[::2] == (413, b"no")
    listener.close()


def test_error_of_the_body_source_closes_the_connection():
    def body():
        yield b"abc"
        raise TimeoutError("the deadline passed")

    client = HttpClient()
    with RawServer([OK]) as server:
        with pytest.raises(TimeoutError, match="deadline passed"):
            send(client, server.url, "POST", {"Content-Length": "9"}, body())
        assert send(client, server.url)[2] == b"ok"
    assert server.connections == 2


def test_ipv6_address_is_reached():
    try:
        server = RawServer([OK], host="::1")
    except OSError:
        pytest.skip("not run: this machine has no IPv6 loopback. Enable it in the kernel")
    with server:
        assert send(HttpClient(), server.url)[2] == b"ok"
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]


@pytest.fixture
def ca_bundle(tmp_path):
    path = tmp_path / "ca.pem"
    certificate_authority().cert_pem.write_to_path(path)
    return str(path)


def test_valid_certificate_is_accepted_and_the_connection_is_used_again(ca_bundle):
    client = HttpClient(ca_bundle)
    with RawServer([OK], tls=tls_context_for("valid", "127.0.0.1")) as server:
        assert [send(client, server.url)[2] for _ in range(2)] == [b"ok"] * 2
    assert server.connections == 1


def test_tls_connection_with_decrypted_bytes_after_the_response_is_not_used(ca_bundle):
    client = HttpClient(ca_bundle)
    foreign = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign"
    # The first response is larger than one read, so its rest and the foreign bytes share a TLS record.
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000
    with RawServer([long + foreign, OK], tls=tls_context_for("valid", "127.0.0.1")) as server:
        assert len(send(client, server.url)[2]) == 90_000
        assert send(client, server.url)[2] == b"ok"
    assert server.connections == 2


@pytest.mark.parametrize("kind", ["self_signed", "expired", "other_name"])
def test_invalid_certificate_raises_connect_failed(kind, ca_bundle):
    with (
        RawServer([OK], tls=tls_context_for(kind, "127.0.0.1")) as server,
        pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        send(HttpClient(ca_bundle), server.url, headers={"Authorization": "Bearer secret"})
    assert server.requests == []


def test_certificate_of_an_unknown_authority_raises_connect_failed():
    with (
        RawServer([OK], tls=tls_context_for("valid", "127.0.0.1")) as server,
        pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        send(HttpClient(), server.url)


def test_server_without_tls_raises_connect_failed_on_an_https_url():
    with RawServer([OK]) as server, pytest.raises(ConnectFailed):
        send(HttpClient(), server.url.replace("http:", "https:"))


@pytest.mark.parametrize("reply", [b"SSH-2.0-x\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"\0" * 70_000])
def test_server_of_another_protocol_raises_invalid_response(reply):
    with RawServer([reply]) as server, pytest.raises(InvalidResponse):
        send(HttpClient(), server.url)
