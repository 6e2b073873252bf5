"""Lambda's documented Runtime API, from start-up to the last invocation."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from retouch.runtime import answers, events, snapstart
from retouch.runtime.connection import Connection, Disconnected, Reply
from retouch.runtime.context import Context
from retouch.runtime.failures import Failure, log

Handler = Callable[[object, Context], object]

_RUNTIME = "/2018-06-01/runtime"
_JSON = ("Content-Type", "application/json")
_STREAM = (
    ("Content-Type", "application/vnd.awslambda.http-integration-response"),
    ("Lambda-Runtime-Function-Response-Mode", "streaming"),
    ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
)


def main() -> int:
    """Serve until the Runtime API goes away; the value is the exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a frozen process would keep its log lines
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        return _run(connection)
    except Disconnected:
        return 1


def _run(connection: Connection) -> int:
    try:
        handler = _load(os.environ["_HANDLER"])
        if snapstart.is_on():
            snapstart.before_snapshot()
    except Exception as error:
        _report(connection, f"{_RUNTIME}/init/error", error)
        return 1
    try:
        if snapstart.is_on():
            connection.get(f"{_RUNTIME}/restore/next")
            snapstart.after_restore()
    except Disconnected:
        raise
    except Exception as error:
        _report(connection, f"{_RUNTIME}/restore/error", error)
        return 1
    while True:
        serve(connection, handler)


def serve(connection: Connection, handler: Handler) -> None:
    """Wait for one invocation and answer it."""
    request = connection.get(f"{_RUNTIME}/invocation/next")
    request_id = request.headers["lambda-runtime-aws-request-id"]
    _trace(request.headers.get("lambda-runtime-trace-id"))
    path = f"{_RUNTIME}/invocation/{request_id}"
    try:
        _answer(connection, handler, request, f"{path}/response")
    except Disconnected:
        connection.close()  # nobody waits for this answer any more
    except Exception as error:
        _report(connection, f"{path}/error", error, request_id)


def _answer(connection: Connection, handler: Handler, request: Reply, path: str) -> None:
    event = events.parse(request.body)
    answer = handler(event, Context(request.headers))
    if isinstance(answer, dict) and "statusCode" in answer and answers.streams(event):
        _stream(connection, path, answers.prelude(answer), *answers.body(answer))
    else:
        connection.post(path, [_JSON], answers.document(answer))


def _stream(
    connection: Connection, path: str, prelude: bytes, known: bytes, pieces: Iterator[bytes]
) -> None:
    """From the first byte on only trailers can tell of an error."""
    if known:
        connection.whole(path, _STREAM, prelude, known)
        return
    try:
        connection.begin(path, _STREAM, prelude)
        for piece in pieces:
            connection.chunk(piece)
        connection.end()
    except Disconnected:
        raise
    except Exception as error:
        failure = Failure(error)
        log(failure, path.split("/")[-2])
        connection.end(failure.trailers())
    finally:
        _close(pieces)


def _close(pieces: Iterator[bytes]) -> None:
    """Let a generator clean up. What it raises now concerns nobody but the log."""
    try:
        getattr(pieces, "close", lambda: None)()
    except Exception as error:
        log(Failure(error))


def _report(connection: Connection, path: str, error: Exception, request_id: str = "") -> None:
    failure = Failure(error)
    log(failure, request_id)
    try:
        connection.post(path, [_JSON, failure.header()], failure.document())
    except Disconnected:
        connection.close()


def _load(name: str) -> Handler:
    """`package/module.function`, looked up first where the function's own code lies."""
    root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    if root not in sys.path:
        sys.path.insert(0, root)
    module, _, function = name.rpartition(".")
    handler: Handler = getattr(import_module(module.replace("/", ".")), function)
    return handler


def _trace(header: str | None) -> None:
    if header:
        os.environ["_X_AMZN_TRACE_ID"] = header
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
