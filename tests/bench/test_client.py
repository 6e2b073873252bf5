import io
import select
import socket
from contextlib import closing
from threading import Thread

import pytest

from bench.client import Connection, read_response

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokNEXT", (200, b"ok", True)),
        (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", (429, b"", False)),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", (200, b"until the end", False)),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 -\r\nContent-Length: 0\r\n\r\n",
            (204, b"", True),
        ),
        (CHUNKED + b"\r\n", (200, b"abcde", True)),
        (CHUNKED + b"Trailer: 1\r\n\r\n", (200, b"abcde", True)),
    ],
)
def test_read_response_reads_the_whole_response(raw, expected) -> None:
    assert read_response(io.BytesIO(raw)) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", CHUNKED[:-12]]
)
def test_read_response_raises_when_the_response_is_cut_off(raw) -> None:
    with pytest.raises((ConnectionError, ValueError)):
        read_response(io.BytesIO(raw))


def test_connection_rejects_hosts_other_than_loopback() -> None:
    with pytest.raises(ValueError, match="only"):
        Connection("http://192.0.2.1:80/v1")


def test_request_after_the_server_closed_an_idle_connection_uses_a_new_one() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = Thread(target=answer_once_per_connection, args=(listener, 2))
        server.start()
        connection = Connection(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert connection.send(b"GET / HTTP/1.1\r\n\r\n", b"").body == b"ok"
        assert connection._socket
        select.select([connection._socket], [], [], 10)
        assert connection.send(b"GET / HTTP/1.1\r\n\r\n", b"").body == b"ok"
        connection.close()
        server.join(timeout=10)


def answer_once_per_connection(listener: socket.socket, connections: int) -> None:
    for _ in range(connections):
        accepted, _ = listener.accept()
        with accepted:
            accepted.recv(1_000)
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
