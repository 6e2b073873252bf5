"""One HTTP/1.1 request over one connection. The deadline limits every wait.

The standard library's timeouts apply to one read at a time, so a slow response could take forever. Here every read
gets only the time that remains, and the head of a response has a maximum size.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from email.errors import MultipartInvariantViolationDefect, NoBoundaryInMultipartDefect
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, LineTooLong
from socket import socket
from typing import cast

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url
from retouch.infrastructure.content_coding import parse_content_coding
from retouch.infrastructure.fetch.connector import SocketConnection
from retouch.infrastructure.fetch.interim_responses import FinalResponse

# Of an image that is labelled as a form. They say nothing about the head.
_BODY_DEFECTS = (MultipartInvariantViolationDefect, NoBoundaryInMultipartDefect)
_MAX_HEAD_BYTES = 65_536
_MAX_LENGTH_DIGITS = 18
_REQUEST_HEADERS = {
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class HttpExchange:
    """A request that was sent, by default a GET, and the head of its response.

    Construction and reading raise FetchError when the exchange fails.
    """

    _method = "GET"
    _body = b""

    def __init__(
        self,
        connection: SocketConnection,
        url: Url,
        remaining_seconds: Callable[[], float],
        user_agent: str,
    ) -> None:
        """Send the request and read the head.

        `remaining_seconds` returns the seconds that the next step may take. It raises TimeoutError when there are none.
        """
        self._connection, self._user_agent = connection, user_agent
        self._limited_socket = _LimitedSocket(connection, remaining_seconds)
        try:
            self._response = self._send_request(url)
            self._check_head()
        except BaseException:
            self.close()
            raise

    def _send_request(self, url: Url) -> HTTPResponse:
        client = _PreconnectedClient(self._limited_socket)
        try:
            client.putrequest(self._method, url.target, skip_host=True, skip_accept_encoding=True)
            for name, value in self._request_headers(url).items():
                client.putheader(name, value)
            client.endheaders(self._body or None)
            return client.getresponse()
        except (HTTPException, OSError, ValueError) as error:
            raise FetchError(_failure_reason(error)) from None

    def _request_headers(self, url: Url) -> Mapping[str, str]:
        return {"Host": url.authority, "User-Agent": self._user_agent, **_REQUEST_HEADERS}

    def _check_head(self) -> None:
        head = self._response.msg
        lengths = set(map(str.strip, head.get_all("Content-Length", [])))
        if any(not isinstance(one, _BODY_DEFECTS) for one in head.defects) or len(lengths) > 1:
            raise FetchError("bad_answer")
        framings = [f.strip().lower() for f in head.get_all("Transfer-Encoding", [])]
        if framings not in ([], ["chunked"], ["identity"]):
            raise FetchError("content_encoding")

    @property
    def status(self) -> int:
        """Return the status of the response."""
        return self._response.status

    def header(self, name: str) -> str | None:
        """Return a header of the response, or None."""
        value: str | None = self._response.msg.get(name)
        return value

    @property
    def content_coding(self) -> str:
        """Return the compression of the body, or "" for a body that is not compressed."""
        return parse_content_coding(self._response.msg.get_all("Content-Encoding", []))

    @property
    def locations(self) -> list[str]:
        """Return the Location headers as text. Bytes that are not UTF-8 are percent-encoded."""
        return [
            text
            for value in self._response.msg.get_all("Location", [])
            if (text := _decode_header(value).strip())
        ]

    @property
    def content_length(self) -> int | None:
        """Return the length of the body from the head, or None when the head does not state it."""
        length = self._response.msg.get("Content-Length", "").strip()
        if not length or self._response.chunked:
            return None
        if not (length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
            raise FetchError("bad_answer")
        return int(length)

    def allow_body(self, max_bytes: int) -> None:
        """Allow a body of `max_bytes`, and its chunk framing.

        The framing may take as many bytes as the body, but not more.
        """
        self._limited_socket.allowance = 2 * max_bytes + _MAX_HEAD_BYTES

    def read(self, size: int) -> bytes:
        """Return the next bytes of the body, at most `size`. Empty at the end."""
        try:
            return self._response.read1(size)
        except (HTTPException, OSError, ValueError) as error:
            raise FetchError(_failure_reason(error)) from None

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        self._connection.close()


class _PreconnectedClient(HTTPConnection):
    """The standard client, on a connection that already exists."""

    response_class = FinalResponse

    def __init__(self, limited_socket: _LimitedSocket) -> None:
        super().__init__("connected")  # an unused name: we write the Host header ourselves
        self._limited_socket = limited_socket

    def connect(self) -> None:
        self.sock = cast(socket, self._limited_socket)


class _LimitedSocket(io.RawIOBase):
    """A connection in the form of the socket that the standard client expects, with limits on time and size."""

    def __init__(
        self, connection: SocketConnection, remaining_seconds: Callable[[], float]
    ) -> None:
        self.allowance = _MAX_HEAD_BYTES
        self._connection = connection
        self._remaining_seconds = remaining_seconds

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._remaining_seconds())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connection.settimeout(self._remaining_seconds())
        size = self._connection.recv_into(buffer)
        self.allowance -= size
        if self.allowance < 0:
            raise LineTooLong("head or framing")
        return size

    def close(self) -> None:
        """Do nothing. The exchange closes the connection."""


def _failure_reason(error: Exception) -> str:
    """Return the reason that the log gives for a failed exchange."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, (OSError, IncompleteRead)):
        return "truncated"
    # The error "got more than 100 headers" has no class of its own.
    if isinstance(error, LineTooLong) or type(error) is HTTPException:
        return "header_too_large"
    return "bad_answer"


def _decode_header(value: str) -> str:
    """Return a header value as text. http.client decodes the bytes as Latin-1."""
    data = value.encode("latin-1", "ignore")
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return "".join(chr(byte) if byte < 128 else f"%{byte:02X}" for byte in data)
