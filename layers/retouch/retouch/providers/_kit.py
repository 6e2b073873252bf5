"""What several adapters say the same way. A function moves in here when another adapter needs it too."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from retouch.errors import InvalidRequest
from retouch.longjson import loads
from retouch.messages import Call, Reply, Step
from retouch.specs import shown

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)  # of a host's name


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


def plain(value: str, name: str, rule: str, pattern: re.Pattern[str] = LABEL) -> str:
    """A setting that becomes part of an address, and may come from the header x-portkey-`name`.

    InvalidRequest unless it is a plain name: anything else could lead the key to another host.
    """
    if not pattern.fullmatch(value):
        raise InvalidRequest(
            f"Invalid value {shown(value)} for '{name}': it must be {rule}.",
            param=f"x-portkey-{name}",
        )
    return value


def as_text(value: Any) -> str:
    """A canonical value as form text: booleans in lower case, numbers plain."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def events(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a server-sent event stream, whatever its line ends and however it was cut.

    Comment lines (keep-alives), the "[DONE]" some gateways add and whatever else is no object are passed over.
    """
    data: list[bytes] = []
    for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            payload, data = b"\n".join(data), []
            if (event := _object(payload)) is not None:
                yield event


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        read = loads(payload)
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


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
