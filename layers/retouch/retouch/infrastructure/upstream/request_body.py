"""The body of a request to a provider: JSON or a form, as pieces that are sent one after the other.

A file is a piece of its own, so an image is in memory only once. Small pieces are joined, so that a small form is sent
with one call of the system.
"""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import orjson

from retouch.core.clock import Clock
from retouch.core.provider_protocol import ProviderRequest

_MAX_JOINED_BYTES = 65_536
# As browsers escape them: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class RequestBody:
    """The pieces of a body. It records whether one of them may have been sent, and it stops at the deadline."""

    def __init__(self, request: ProviderRequest, deadline: float, clock: Clock) -> None:
        """Encode the JSON of the request, or else its form. A request without both has an empty body."""
        self.has_started = False
        self._deadline, self._clock = deadline, clock
        self.json = b"" if request.json is None else orjson.dumps(request.json)
        self._content_type, self._pieces = _encode_body(request, self.json)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe the body. Empty without a body."""
        if not self._pieces:
            return {}
        length = sum(map(len, self._pieces))
        return {"Content-Type": self._content_type, "Content-Length": str(length)}

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces. Raises TimeoutError once the deadline has passed."""
        for piece in self._pieces:
            if self._clock.now() >= self._deadline:
                raise TimeoutError("the deadline passed during the upload")
            self.has_started = True
            yield piece


def _encode_body(request: ProviderRequest, json: bytes) -> tuple[str, tuple[bytes, ...]]:
    """Return the type of the content, and its pieces."""
    if json:
        return "application/json", (json,)
    if not request.form_fields and not request.files:
        return "", ()
    boundary = token_hex(16)
    pieces = tuple(_join_small_pieces(_iter_form(request, boundary)))
    return f"multipart/form-data; boundary={boundary}", pieces


def _iter_form(request: ProviderRequest, boundary: str) -> Iterator[bytes]:
    """Yield the fields, then the files, as RFC 7578 frames them."""
    for name, value in request.form_fields:
        yield _part_head(boundary, f'name="{_escape(name)}"', "")
        yield value.encode()
        yield b"\r\n"
    for name, file_name, image in request.files:
        names = f'name="{_escape(name)}"; filename="{_escape(file_name)}"'
        yield _part_head(boundary, names, f"Content-Type: {image.media_type}\r\n")
        yield image.data
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _part_head(boundary: str, names: str, headers: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {names}\r\n{headers}\r\n".encode()


def _escape(name: str) -> str:
    return name.translate(_ESCAPES)


def _join_small_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, with small pieces joined."""
    joined: list[bytes] = []
    size = 0
    for piece in pieces:
        if size + len(piece) > _MAX_JOINED_BYTES and joined:
            yield b"".join(joined)
            joined, size = [], 0
        joined.append(piece)
        size += len(piece)
    if joined:
        yield b"".join(joined)
