"""A response: its status, its headers, and its body, which is read in chunks.

The parser is lenient where servers are known to be careless, because a response may have been paid for: lines may end
with LF alone, unknown lines of a head are skipped, and any 1xx response before the final one is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from retouch.infrastructure.http1.connection import Connection
from retouch.infrastructure.http1.errors import InvalidResponse, TruncatedResponse

_CHUNK_BYTES = 262_144
_MAX_INTERIM_RESPONSES = 100
_SWITCHING_PROTOCOLS = 101
_BODILESS_STATUSES = (204, 304)
_MAX_LENGTH_DIGITS = 18
_TRAILER_SECONDS = 1.0  # For all trailers of a body.


class Headers:
    """The headers of a response by lower-case name."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields = fields

    def get_all(self, name: str) -> list[str]:
        """Return all values of a header. `name` is in lower case."""
        return [value for field_name, value in self._fields if field_name == name]

    def get(self, name: str) -> str:
        """Return all values of a header, joined by commas, or "". `name` is in lower case."""
        return ", ".join(self.get_all(name))

    def to_dict(self) -> dict[str, str]:
        """Return the headers. Of several values of one name the last one counts."""
        return dict(self._fields)


class Response:
    """The final response to a request."""

    def __init__(
        self, connection: Connection, method: str, keep: Callable[[Connection], None]
    ) -> None:
        """Read the head. `keep` receives the connection after a complete response. Raises OSError."""
        self._connection, self._keep = connection, keep
        self.status, version, self.headers = _read_final_head(connection)
        framings = self.headers.get("transfer-encoding").lower().split(",")
        self._is_chunked = "chunked" in map(str.strip, framings)
        self._length = None if self._is_chunked else _body_length(method, self.status, self.headers)
        self._is_persistent = _is_persistent(version, self.headers)
        self._is_finished = False

    def iter_body(self) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises TruncatedResponse, InvalidResponse, TimeoutError and other OSErrors."""
        if self._is_chunked:
            yield from self._iter_chunked()
        elif self._length is None:
            yield from iter(lambda: self._connection.read_some(_CHUNK_BYTES), b"")
            self.close()
            return
        else:
            yield from self._iter_bytes(self._length)
        self._finish()

    def limit_time(self, seconds: float) -> None:
        """Give the rest of the response this many seconds in total."""
        self._connection.limit_time(seconds)

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        if not self._is_finished:
            self._is_finished = True
            self._connection.close()

    def _finish(self) -> None:
        self._is_finished = True
        if self._is_persistent:
            self._keep(self._connection)
        else:
            self._connection.close()

    def _iter_bytes(self, count: int) -> Iterator[bytes]:
        while count:
            data = self._connection.read_some(min(count, _CHUNK_BYTES))
            if not data:
                raise TruncatedResponse("the body ended early")
            count -= len(data)
            yield data

    def _iter_chunked(self) -> Iterator[bytes]:
        """Yield the chunks. After the last one the body is complete, whatever the server does with the trailers."""
        while size := self._read_chunk_size():
            yield from self._iter_bytes(size)
            self._connection.read_line()
        self._connection.limit_time(_TRAILER_SECONDS)
        try:
            while self._connection.read_line().strip():
                pass  # A trailer.
        except OSError:
            self._is_persistent = False

    def _read_chunk_size(self) -> int:
        try:
            return _parse_chunk_size(self._connection.read_line())
        except TruncatedResponse:
            if self._connection.take_received().strip() != b"0":
                raise
            self._is_persistent = False
            return 0


def _read_final_head(connection: Connection) -> tuple[int, bytes, Headers]:
    """Return the status, the HTTP version and the headers of the first response that is not an interim one."""
    for _ in range(_MAX_INTERIM_RESPONSES):
        status, version, headers = _read_head(connection)
        if not 100 <= status < 200 or status == _SWITCHING_PROTOCOLS:
            return status, version, headers
    raise InvalidResponse("too many interim responses")


def _read_head(connection: Connection) -> tuple[int, bytes, Headers]:
    status_line, *lines = connection.read_head().lstrip().split(b"\n")
    version, status = _parse_status_line(status_line)
    fields: list[tuple[str, str]] = []
    for line in lines:
        _add_field(fields, line)
    return status, version, Headers(fields)


def _parse_status_line(line: bytes) -> tuple[bytes, int]:
    version, _, rest = line.strip().partition(b" ")
    status = rest.lstrip()[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit() or len(status) != 3:
        raise InvalidResponse("the response does not start with a status line of HTTP/1")
    return version, int(status)


def _add_field(fields: list[tuple[str, str]], line: bytes) -> None:
    """Add the field of a line. A line that continues the one before is joined to it; a line without ":" is skipped."""
    if line[:1] in (b" ", b"\t"):
        if fields:
            name, value = fields[-1]
            fields[-1] = name, f"{value} {line.strip().decode('latin-1')}"
        return
    name_bytes, colon, value_bytes = line.partition(b":")
    if colon:
        name = name_bytes.strip().lower().decode("latin-1")
        fields.append((name, value_bytes.strip().decode("latin-1")))


def _body_length(method: str, status: int, headers: Headers) -> int | None:
    """Return the length of the body, or None when the body ends with the connection."""
    if method == "HEAD" or status in _BODILESS_STATUSES:
        return 0
    values = headers.get_all("content-length")
    length = values[0].partition(",")[0].strip() if values else ""
    is_number = length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS
    return int(length) if is_number else None


def _is_persistent(version: bytes, headers: Headers) -> bool:
    options = headers.get("connection").lower()
    return "keep-alive" in options if version == b"HTTP/1.0" else "close" not in options


def _parse_chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        size = int(digits, 16)
    except ValueError:
        raise InvalidResponse("the size of a chunk is not a number") from None
    if size < 0:
        raise InvalidResponse("the size of a chunk is negative")
    return size
