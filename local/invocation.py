"""One order to a function, and the answer while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.problems import ANSWER_TOO_LARGE, FUNCTION_FAILED, Failed, Problem

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class Answer:
    """What a worker posts, read at the pace of whoever consumes it."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self._headers = scope["headers"]
        self._receive = receive
        self._more = True
        self._released = asyncio.Event()
        self.streamed = self.header(b"lambda-runtime-function-response-mode") == b"streaming"
        self.too_large = False

    def header(self, name: bytes) -> bytes | None:
        """A header, or once the body is read a trailer: the HTTP library keeps them together."""
        return next((value for key, value in self._headers if key == name), None)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. `Failed` when the worker breaks off, one way or the other."""
        while self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Failed(FUNCTION_FAILED)
            self._more = message["more_body"]
            if message["body"]:
                yield message["body"]
        if self.header(b"lambda-runtime-function-error-type"):
            raise Failed(FUNCTION_FAILED)

    async def whole(self, limit: int) -> bytes:
        """The body in one piece, where it has to fit into `limit` bytes."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > limit:
                self.too_large = True
                raise Failed(ANSWER_TOO_LARGE)
        return bytes(body)

    def release(self) -> None:
        """The consumer wants no more."""
        self._released.set()

    async def wait_for_release(self) -> None:
        """Return when the consumer wants no more."""
        await self._released.wait()

    async def discard(self) -> None:
        """Read to the end for nobody, as Lambda does when the caller is gone."""
        try:
            async for _ in self.pieces():
                pass
        except Failed:
            self._more = False


@dataclass(slots=True, eq=False)
class Invocation:
    """An event on its way to a worker. `answer` fails with `Failed`."""

    id: str
    trace_id: str
    payload: bytes
    answer: asyncio.Future[Answer] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def deliver(self, answer: Answer) -> bool:
        """Hand the answer to whoever waits; False when nobody does any more."""
        if self.answer.done():
            return False
        self.answer.set_result(answer)
        return True

    def close(self) -> None:
        """Nobody waits any more, so nothing may be held up by whatever has come or will come."""
        self.answer.cancel()
        if not self.answer.cancelled() and not self.answer.exception():
            self.answer.result().release()

    def fail(self, problem: Problem) -> None:
        """There will be no answer."""
        if not self.answer.done():
            self.answer.set_exception(Failed(problem))
