"""What several adapters say the same way. A function moves in here when another adapter needs it too."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from retouch.longjson import loads
from retouch.messages import Call, Reply, Step


def present(**wishes: Any) -> dict[str, Any]:
    """Only what was asked for: an absent wish must not reach the provider as null."""
    return {name: value for name, value in wishes.items() if value is not None}


def poll(
    call: Call, done: Callable[[Reply], bool], *, every: float
) -> Generator[Step, Reply, Reply]:
    """Ask every so many seconds until `done`; polls cost nothing, and the deadline ends them elsewhere."""
    while True:
        reply = yield replace(call, after=every, repeatable=True)
        if done(reply):
            return reply


def as_text(value: Any) -> str:
    """A canonical value as form text: booleans in lower case, numbers plain."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON payloads of a server-sent event stream, whatever its line ends and however it was cut.

    Comment lines (keep-alives) and the "[DONE]" some gateways add are passed over.
    """
    data: list[bytes] = []
    for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            payload, data = b"\n".join(data), []
            if payload != b"[DONE]":
                yield loads(payload)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    # A picture is one line of megabytes: pieces are joined once, when the line ends.
    pending: list[bytes] = []
    for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        pending.append(head)
        for piece in rest:
            yield b"".join(pending).rstrip(b"\r")
            pending = [piece]
    yield b"".join(pending).rstrip(b"\r")
    yield b""
