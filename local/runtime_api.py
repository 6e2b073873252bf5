"""Lambda's side of the gateway: the Runtime API that workers talk to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from local.invocation import Answer, Receive
from local.pool import Pool
from local.problems import FUNCTION_FAILED
from local.worker import Worker, arn

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Pairs = Iterable[tuple[bytes, bytes]]

_PREFIX = "/2018-06-01/runtime/"
_ACCEPTED = b'{"status":"OK"}'


class RuntimeApi:
    """The ASGI application behind every worker's port."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self._pools = {port: pool for pool in pools for port in pool.every_port}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of one worker."""
        port = scope["server"][1]
        pool = self._pools[port]
        worker = pool.at(port)
        if worker is None:  # it has just ended
            return
        match scope["path"].removeprefix(_PREFIX).split("/"):
            case ["invocation", "next"]:
                await _next(pool, worker, send)
            case ["invocation", request_id, "response"]:
                await _response(worker, request_id, Answer(scope, receive), send)
            case ["invocation", request_id, "error"]:
                await _error(worker, request_id, Answer(scope, receive), send)
            case ["restore", "next"]:
                await _reply(send, 200)
            case ["init" | "restore", "error"]:  # its exit says the rest
                await Answer(scope, receive).discard()
                await _reply(send, 202, _ACCEPTED)
            case _:
                await _reply(send, 404)


async def _next(pool: Pool, worker: Worker, send: Send) -> None:
    invocation = await pool.next(worker)
    headers = (
        (b"content-type", b"application/json"),
        (b"lambda-runtime-aws-request-id", invocation.id.encode()),
        (b"lambda-runtime-deadline-ms", b"%d" % int(worker.deadline * 1000)),
        (b"lambda-runtime-invoked-function-arn", arn(pool.function.name).encode()),
        (b"lambda-runtime-trace-id", invocation.trace_id.encode()),
    )
    await _reply(send, 200, invocation.payload, headers)


async def _response(worker: Worker, request_id: str, answer: Answer, send: Send) -> None:
    invocation = worker.current
    if invocation is None or invocation.id != request_id:
        await answer.discard()
        await _reply(send, 400)
        return
    if invocation.deliver(answer):
        await answer.wait_for_release()
    await answer.discard()
    worker.done()
    await _reply(send, 413 if answer.too_large else 202, _ACCEPTED)


async def _error(worker: Worker, request_id: str, answer: Answer, send: Send) -> None:
    await answer.discard()
    if worker.current and worker.current.id == request_id:
        worker.current.fail(FUNCTION_FAILED)
        worker.done()
    await _reply(send, 202, _ACCEPTED)


async def _reply(send: Send, status: int, body: bytes = b"", headers: Pairs = ()) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
