"""Tests of response parsing over sockets: framing, careless heads, limits, and http.client as the reference."""

import http.client
import io
import itertools
import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.infrastructure.http1.client import HttpClient
from retouch.infrastructure.http1.connection import Connection
from retouch.infrastructure.http1.errors import InvalidResponse, TruncatedResponse
from retouch.infrastructure.http1.response import Response
from tests.support.raw_http import RawServer, send

BODY = b'{"created": 1}'
LENGTH = b"Content-Length: 14\r\n"


def receive(reply, method="GET", *, closes=True):
    with RawServer([reply], closes=closes) as server:
        return send(HttpClient(), server.url, method)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1  200  Fine \r\n" + LENGTH + b"\r\n",
        b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\n" + LENGTH.replace(b"\r", b"") + b"\n",
        b"HTTP/1.1 200 OK\r\ncontent-length:14\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 14\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + LENGTH * 2 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 14, 14\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Caf\xc3\xa9: \xff\xfe\r\n" + LENGTH + b"\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: value\r\n" * 500 + LENGTH + b"\r\n",
    ],
)
def test_body_of_a_careless_response_is_complete(head):
    status, _, body = receive(head + BODY)
    assert (status, body) == (200, BODY)


@pytest.mark.parametrize(
    ("framing", "chunks"),
    [
        (b"chunked", b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
        (b"Chunked", b"5\r\n" + BODY[:5] + b"\r\n9\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"),
        (b"chunked", b"E;name=value\r\n" + BODY + b"\r\n0;last\r\n\r\n"),
        (b"chunked", b"00e  \r\n" + BODY + b"\r\n000\r\n\r\n"),
        (b"chunked", b"e\n" + BODY + b"\n0\n\n"),
        (b"chunked", b"e\r\n" + BODY + b"\r\n0\r\nX-Trailer: 1\r\nX-More: 2\r\n\r\n"),
        (b"chunked\r\nContent-Length: 3", b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
        (b"chunked\r\nTransfer-Encoding: chunked", b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
        (b"chunked, identity", b"e\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ],
)
def test_chunked_body_is_joined_and_its_connection_is_used_again(framing, chunks):
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + framing + b"\r\n\r\n" + chunks
    client = HttpClient()
    with RawServer([reply]) as server:
        assert [send(client, server.url)[2] for _ in range(2)] == [BODY] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n" + BODY + b"\r\n1",
    ],
)
def test_body_that_ends_early_raises_truncated_response(reply):
    with pytest.raises(TruncatedResponse):
        receive(reply)


@pytest.mark.parametrize("end", [b"0", b"0\r\n", b"0\r\nX-Trailer: 1\r\n", b"0\r\nX-Trai"])
def test_chunked_body_whose_server_closes_after_the_last_chunk_is_complete(end):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n"
    client = HttpClient()
    with RawServer([head + BODY + b"\r\n" + end], closes=True) as server:
        assert [send(client, server.url)[2] for _ in range(2)] == [BODY] * 2
    assert server.connections == 2


@pytest.mark.parametrize("size", [b"", b"xyz", b"-1", b"1g"])
def test_chunk_without_a_valid_size_raises_invalid_response(size):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(InvalidResponse):
        receive(head + size + b"\r\n" + BODY)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 40_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 200_000,
        b"HTTP/1.1 102 Processing\r\n\r\n" * 200,
    ],
    ids=["line", "head", "chunk size", "interim responses"],
)
def test_head_without_an_end_raises_invalid_response(reply):
    with pytest.raises(InvalidResponse):
        receive(reply)


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200"), ("GET", b"204"), ("GET", b"304")])
def test_response_that_has_no_body_ends_with_its_head(method, status):
    reply = b"HTTP/1.1 " + status + b" X\r\nContent-Length: 5\r\n\r\n"
    assert receive(reply, method, closes=False)[2] == b""


def test_headers_of_one_name_are_joined_and_listed_and_the_last_one_counts():
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nContent-Length: 0\r\n\r\n"
    headers = receive(head)[1]
    assert headers.get_all("x-a") == ["1", "2"]
    assert headers.get("x-a") == "1, 2"
    assert headers.get("x-c") == ""
    assert headers.to_dict() == {"x-a": "2", "x-b": "3", "content-length": "0"}


class ScriptedSocket:
    """A socket whose bytes arrive in the given pieces."""

    def __init__(self, pieces):
        self._pieces = list(pieces)

    def recv(self, size):
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]

    def settimeout(self, seconds):
        assert seconds > 0

    def close(self):
        self._pieces.clear()


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True).filter(
    lambda name: name.lower() not in ("content-length", "transfer-encoding", "connection")
)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@st.composite
def responses(draw):
    """Draw a valid response: its bytes, and the length of its framing."""
    fields = draw(st.lists(st.tuples(names, values), max_size=6))
    body = draw(st.binary(max_size=200))
    lines = [f"{name}: {value}" for name, value in fields]
    if draw(st.booleans()):
        lines.append("Transfer-Encoding: chunked")
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part)
        framed += b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
        framed = body
    head = "".join(f"{line}\r\n" for line in ["HTTP/1.1 200 OK", *lines, ""])
    return head.encode() + framed


@given(reply=responses(), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_response_in_any_pieces_is_read_as_http_client_reads_it(reply, cuts):
    edges = sorted({0, len(reply), *(min(cut, len(reply)) for cut in cuts)})
    pieces = [reply[a:b] for a, b in itertools.pairwise(edges)]
    kept: list[Connection] = []
    scripted = cast("socket.socket", ScriptedSocket(pieces))
    ours = Response(Connection(scripted), "GET", kept.append)
    body = b"".join(ours.iter_body())
    reference = http.client.HTTPResponse(cast("socket.socket", FileSocket(reply)))
    reference.begin()
    assert (ours.status, body) == (reference.status, reference.read())
    expected = [(name.lower(), value.strip()) for name, value in reference.getheaders()]
    assert sorted(ours.headers._fields) == sorted(expected)
    assert len(kept) == 1


class FileSocket:
    """The part of a socket that http.client reads."""

    def __init__(self, data):
        self._data = data

    def makefile(self, _mode):
        return io.BytesIO(self._data)
