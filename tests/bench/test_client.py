import io

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
