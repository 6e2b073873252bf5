"""The Lambda side of the server: the Runtime API that the workers call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from devserver.error_responses import FUNCTION_FAILED
from devserver.invocation import FunctionResponse, Receive
from devserver.worker import Worker, function_arn
from devserver.worker_pool import WorkerPool

Scope = Mapping[str, Any]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
HeaderPairs = Iterable[tuple[bytes, bytes]]

_PREFIX = "/2018-06-01/runtime/"
_ACCEPTED = b'{"status":"OK"}'


class RuntimeApi:
    """The ASGI application on the port of every worker."""

    def __init__(self, pools: Iterable[WorkerPool]) -> None:
        self._pools = {port: pool for pool in pools for port in pool.all_ports}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of one worker."""
        port = scope["server"][1]
        pool = self._pools[port]
        worker = pool.worker_on_port(port)
        if worker is None:  # The worker has just ended.
            return
        match scope["path"].removeprefix(_PREFIX).split("/"):
            case ["invocation", "next"]:
                await _send_next_invocation(pool, worker, send)
            case ["invocation", request_id, "response"]:
                await _receive_response(worker, request_id, FunctionResponse(scope, receive), send)
            case ["invocation", request_id, "error"]:
                await _receive_error(worker, request_id, FunctionResponse(scope, receive), send)
            case ["restore", "next"]:
                await _send_reply(send, 200)
            case ["init" | "restore", "error"]:  # The exit of the process reports the failure.
                await FunctionResponse(scope, receive).discard()
                await _send_reply(send, 202, _ACCEPTED)
            case _:
                await _send_reply(send, 404)


async def _send_next_invocation(pool: WorkerPool, worker: Worker, send: Send) -> None:
    invocation = await pool.next_invocation(worker)
    headers = (
        (b"content-type", b"application/json"),
        (b"lambda-runtime-aws-request-id", invocation.id.encode()),
        (b"lambda-runtime-deadline-ms", b"%d" % int(worker.deadline * 1000)),
        (b"lambda-runtime-invoked-function-arn", function_arn(pool.function.name).encode()),
        (b"lambda-runtime-trace-id", invocation.trace_id.encode()),
    )
    await _send_reply(send, 200, invocation.payload, headers)


async def _receive_response(
    worker: Worker, request_id: str, response: FunctionResponse, send: Send
) -> None:
    invocation = worker.current_invocation
    if invocation is None or invocation.id != request_id:
        await response.discard()
        await _send_reply(send, 400)
        return
    if invocation.deliver_response(response):
        await response.wait_for_release()
    await response.discard()
    worker.finish_invocation()
    await _send_reply(send, 413 if response.is_too_large else 202, _ACCEPTED)


async def _receive_error(
    worker: Worker, request_id: str, response: FunctionResponse, send: Send
) -> None:
    report = await response.read_report()
    if worker.current_invocation and worker.current_invocation.id == request_id:
        worker.current_invocation.fail(FUNCTION_FAILED, report)
        worker.finish_invocation()
    await _send_reply(send, 202, _ACCEPTED)


async def _send_reply(
    send: Send, status: int, body: bytes = b"", headers: HeaderPairs = ()
) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
