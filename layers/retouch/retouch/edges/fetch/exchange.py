"""One question over one connection: an HTTP/1.1 GET whose every wait ends with the deadline.

The standard library's timeouts hold for one read at a time, so an answer that drips can take for ever. Here
every read is given only what is left of the time, and an answer's head only so many bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, LineTooLong
from socket import socket
from typing import cast

from retouch.edges.fetch.dial import Connection
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url

_MOST_HEAD = 65_536
_MOST_LENGTH_DIGITS = 18
_HEADERS = {
    "User-Agent": "retouch",
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Exchange:
    """A GET that was sent and the head of its answer. FetchError when it breaks, now or while reading."""

    def __init__(self, connection: Connection, url: Url, left: Callable[[], float]) -> None:
        """`left` says how many seconds the next step may take; TimeoutError when none."""
        self._connection = connection
        self._wire = _Wire(connection, left)
        try:
            self._response = self._asked(url)
            self._check_head()
        except BaseException:
            self.close()
            raise

    def _asked(self, url: Url) -> HTTPResponse:
        client = _Client(self._wire)
        try:
            client.putrequest("GET", url.target, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": url.authority, **_HEADERS}.items():
                client.putheader(name, value)
            client.endheaders()
            response = client.getresponse()
        except (HTTPException, OSError, ValueError) as broken:
            raise FetchError(_reason(broken)) from None
        return response

    def _check_head(self) -> None:
        head = self._response.msg
        if head.defects or len(set(map(str.strip, head.get_all("Content-Length", [])))) > 1:
            raise FetchError("bad_answer")
        codings = head.get_all("Content-Encoding", [])
        framings = head.get_all("Transfer-Encoding", [])
        if any(c.strip().lower() not in ("", "identity") for c in codings):
            raise FetchError("content_encoding")
        if framings and [f.strip().lower() for f in framings] != ["chunked"]:
            raise FetchError("content_encoding")

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self._response.status

    @property
    def locations(self) -> list[str]:
        """The Location headers, as text; a text that is no UTF-8 counts as none."""
        values = self._response.msg.get_all("Location", [])
        return [found for value in values if (found := _as_text(value))]

    @property
    def promised(self) -> int | None:
        """The bytes the body is going to have, as far as the answer says so."""
        length = self._response.msg.get("Content-Length", "").strip()
        if not length or self._response.chunked:
            return None
        if not (length.isascii() and length.isdigit() and len(length) <= _MOST_LENGTH_DIGITS):
            raise FetchError("bad_answer")
        return int(length)

    def expect(self, most_bytes: int) -> None:
        """Let a body of so many bytes pass, and its framing: chunks may be small, but not mere pretexts."""
        self._wire.allowance = 2 * most_bytes + _MOST_HEAD

    def read(self, size: int) -> bytes:
        """The next bytes of the body, at most `size`; none at its end."""
        try:
            return self._response.read1(size)
        except (HTTPException, OSError, ValueError) as broken:
            raise FetchError(_reason(broken)) from None

    def close(self) -> None:
        """End the connection; a second time does nothing."""
        self._connection.close()


class _Client(HTTPConnection):
    """The standard client on a connection that is there already."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__("connected")  # a name nobody reads: we write the Host header
        self._wire = wire

    def connect(self) -> None:
        self.sock = cast(socket, self._wire)


class _Wire(io.RawIOBase):
    """A connection as the standard client wants its socket, with time and size limited."""

    def __init__(self, connection: Connection, left: Callable[[], float]) -> None:
        self.allowance = _MOST_HEAD
        self._connection = connection
        self._left = left

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._left())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connection.settimeout(self._left())
        size = self._connection.recv_into(buffer)
        self.allowance -= size
        if self.allowance < 0:
            raise LineTooLong("head or framing")
        return size

    def close(self) -> None:
        """The connection is the exchange's to close."""


def _reason(broken: Exception) -> str:
    """What a broken exchange is called in the log."""
    if isinstance(broken, TimeoutError):
        return "timeout"
    if isinstance(broken, (OSError, IncompleteRead)):
        return "truncated"
    # "got more than 100 headers" has no class of its own.
    if isinstance(broken, LineTooLong) or type(broken) is HTTPException:
        return "header_too_large"
    return "bad_answer"


def _as_text(value: str) -> str:
    """A header's value; http.client reads bytes as Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return ""
