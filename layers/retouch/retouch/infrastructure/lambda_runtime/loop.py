"""The loop over Lambda's documented Runtime API, from start-up to the last invocation."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module

from retouch.core.text import fast_json
from retouch.infrastructure.lambda_runtime import responses
from retouch.infrastructure.lambda_runtime.context import LambdaContext
from retouch.infrastructure.lambda_runtime.errors import ErrorReport, log_error
from retouch.infrastructure.lambda_runtime.runtime_api import (
    Disconnected,
    RuntimeApiConnection,
    RuntimeApiResponse,
)

_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
Handler = Callable[[object, LambdaContext], object]

_API_ROOT = "/2018-06-01/runtime"
_JSON_HEADER = ("Content-Type", "application/json")
_STREAM_HEADERS = (
    ("Content-Type", "application/vnd.awslambda.http-integration-response"),
    ("Lambda-Runtime-Function-Response-Mode", "streaming"),
    ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"),
)


def main() -> int:
    """Serve until the Runtime API is gone, and return the exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        # a frozen process would hold back its log lines
        sys.stdout.reconfigure(line_buffering=True)
    connection = RuntimeApiConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        return _initialize_and_serve(connection)
    except Disconnected:
        return 1


def _initialize_and_serve(connection: RuntimeApiConnection) -> int:
    try:
        handler = _load_handler(os.environ["_HANDLER"])
        if is_snapstart():
            run_before_snapshot_hooks()
    except Exception as error:
        _report_error(connection, f"{_API_ROOT}/init/error", error)
        return 1
    try:
        if is_snapstart():
            connection.get(f"{_API_ROOT}/restore/next")
            run_after_restore_hooks()
    except Disconnected:
        raise
    except Exception as error:
        _report_error(connection, f"{_API_ROOT}/restore/error", error)
        return 1
    while True:
        serve_invocation(connection, handler)


def serve_invocation(connection: RuntimeApiConnection, handler: Handler) -> None:
    """Wait for one invocation and respond to it. Then wait for the writes that run beside the response."""
    invocation = connection.get(f"{_API_ROOT}/invocation/next")
    request_id = invocation.headers["lambda-runtime-aws-request-id"]
    _set_trace_id(invocation.headers.get("lambda-runtime-trace-id"))
    path = f"{_API_ROOT}/invocation/{request_id}"
    try:
        _respond(connection, handler, invocation, f"{path}/response")
    except Disconnected:
        connection.close()  # the Runtime API no longer waits for this response
    except Exception as error:
        _report_error(connection, f"{path}/error", error, request_id)
    _finish_writes()


def _finish_writes() -> None:
    """Wait for the writes of `retouch.core.concurrency.pending_writes`. A function that has none does not load it."""
    writes = sys.modules.get("retouch.core.concurrency.pending_writes")
    if writes:
        writes.finish_writes()


def _respond(
    connection: RuntimeApiConnection, handler: Handler, invocation: RuntimeApiResponse, path: str
) -> None:
    event = fast_json.parse_event(invocation.body)
    response = handler(event, LambdaContext(invocation.headers))
    if isinstance(response, dict) and "statusCode" in response and responses.should_stream(event):
        _stream_response(connection, path, responses.prelude(response), *responses.body(response))
    else:
        connection.post(path, [_JSON_HEADER], responses.document(response))


def _stream_response(
    connection: RuntimeApiConnection,
    path: str,
    prelude: bytes,
    complete_body: bytes,
    chunks: Iterator[bytes],
) -> None:
    """Stream the response. After the first byte, only trailers can report an error."""
    if complete_body:
        connection.post_chunked(path, _STREAM_HEADERS, prelude, complete_body)
        return
    try:
        connection.begin_stream(path, _STREAM_HEADERS, prelude)
        for chunk in chunks:
            connection.send_chunk(chunk)
        connection.end_stream()
    except Disconnected:
        raise
    except Exception as error:
        report = ErrorReport(error)
        log_error(report, path.split("/")[-2])
        connection.end_stream(report.trailers())
    finally:
        _close_iterator(chunks)


def _close_iterator(chunks: Iterator[bytes]) -> None:
    """Close a generator so that it can clean up. An error at this point is only logged."""
    try:
        getattr(chunks, "close", lambda: None)()
    except Exception as error:
        log_error(ErrorReport(error))


def _report_error(
    connection: RuntimeApiConnection, path: str, error: Exception, request_id: str = ""
) -> None:
    report = ErrorReport(error)
    log_error(report, request_id)
    try:
        connection.post(path, [_JSON_HEADER, report.error_header()], report.to_json())
    except Disconnected:
        connection.close()


def _load_handler(handler_name: str) -> Handler:
    """Return the function `package/module.function`. The search starts in the directory of the function's own code.

    The objects that the imports create live until the process ends. To scan them again and again takes a tenth of a
    cold start, so the garbage collector is off during the imports and never scans these objects.
    """
    root = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    if root not in sys.path:
        sys.path.insert(0, root)
    module, _, function_name = handler_name.rpartition(".")
    gc.disable()
    try:
        handler: Handler = getattr(import_module(module.replace("/", ".")), function_name)
    finally:
        gc.freeze()
        gc.enable()
    return handler


def _set_trace_id(trace_id: str | None) -> None:
    """Put the trace into `os.environ` for Python's libraries, but not into the environment of the process.

    `os.environ[name] = value` also calls setenv, and the C library never frees the old value: 146 bytes leak for each
    invocation, and they keep larger blocks of the heap from being reused.
    """
    values = os.environ._data  # type: ignore[attr-defined]
    name = os.environ.encodekey(_TRACE_VARIABLE)
    if trace_id:
        values[name] = os.environ.encodevalue(trace_id)
    else:
        values.pop(name, None)


def is_snapstart() -> bool:
    """Return whether this process starts in order to be snapshotted."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def run_before_snapshot_hooks() -> None:
    """Run the handler's before-snapshot hooks, the last registered first."""
    hooks = sys.modules.get("snapshot_restore_py")
    for hook, args, kwargs in reversed(hooks.get_before_snapshot() if hooks else []):
        hook(*args, **kwargs)


def run_after_restore_hooks() -> None:
    """Run the handler's after-restore hooks, the first registered first."""
    hooks = sys.modules.get("snapshot_restore_py")
    for hook, args, kwargs in hooks.get_after_restore() if hooks else []:
        hook(*args, **kwargs)
