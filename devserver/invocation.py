"""One invocation of a function, and its response while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devserver.error_responses import (
    FUNCTION_FAILED,
    RESPONSE_TOO_LARGE,
    ErrorResponse,
    RequestFailed,
)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class FunctionResponse:
    """The response that a worker posts. It is read as fast as the consumer consumes it."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        self._headers = scope["headers"]
        self._receive = receive
        self._more = True
        self._released = asyncio.Event()
        self.is_streamed = self.header(b"lambda-runtime-function-response-mode") == b"streaming"
        self.is_too_large = False

    def header(self, name: bytes) -> bytes | None:
        """Return a header, or a trailer after the body was read. The HTTP library stores both in one list."""
        return next((value for key, value in self._headers if key == name), None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the body. Raises RequestFailed when the worker disconnects or reports an error."""
        while self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise RequestFailed(FUNCTION_FAILED)
            self._more = message["more_body"]
            if message["body"]:
                yield message["body"]
        if self.header(b"lambda-runtime-function-error-type"):
            raise RequestFailed(FUNCTION_FAILED)

    async def read_body(self, limit: int) -> bytes:
        """Return the whole body. Raises RequestFailed when it is over `limit` bytes."""
        body = bytearray()
        async for chunk in self.chunks():
            body += chunk
            if len(body) > limit:
                self.is_too_large = True
                raise RequestFailed(RESPONSE_TOO_LARGE)
        return bytes(body)

    async def read_report(self) -> bytes:
        """Return the body of an error that the worker reports, as far as it has come."""
        report = bytearray()
        try:
            async for chunk in self.chunks():
                report += chunk
        except RequestFailed:
            self._more = False
        return bytes(report)

    def release(self) -> None:
        """Mark the response as no longer needed by its consumer."""
        self._released.set()

    async def wait_for_release(self) -> None:
        """Return when the consumer no longer needs the response."""
        await self._released.wait()

    async def discard(self) -> None:
        """Read the rest of the body and drop it, as Lambda does after the caller has disconnected."""
        try:
            async for _ in self.chunks():
                pass
        except RequestFailed:
            self._more = False


@dataclass(slots=True, eq=False)
class Invocation:
    """An event for a worker. The future `response` may raise RequestFailed."""

    id: str
    trace_id: str
    payload: bytes
    response: asyncio.Future[FunctionResponse] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def deliver_response(self, response: FunctionResponse) -> bool:
        """Set the response. Return False when nothing waits for it any more."""
        if self.response.done():
            return False
        self.response.set_result(response)
        return True

    def close(self) -> None:
        """Stop waiting for the response, and release it when it has arrived or arrives later."""
        self.response.cancel()
        if not self.response.cancelled() and not self.response.exception():
            self.response.result().release()

    def fail(self, error: ErrorResponse, report: bytes = b"") -> None:
        """Set an error instead of a response, with the report of the function's exception if there is one."""
        if not self.response.done():
            self.response.set_exception(RequestFailed(error, report))
