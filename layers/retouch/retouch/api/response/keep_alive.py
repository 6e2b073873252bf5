"""A JSON response that keeps its connection open while the edit runs.

JSON may begin with white space, so a space at regular intervals keeps the connection open. The first space fixes the
status at 200. If the edit succeeds, the body is the usual body. If it fails, the body is not JSON: a client must not
take it for a success, and a broken connection would make an SDK send the edit again. Its first line is `Error`, the
real status and the message. Its last line is the error as JSON. `retouch` in the JSON has the values of the headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from math import inf

import orjson

from retouch.api.request.sdk_headers import read_sdk_timeout
from retouch.api.response import edit as edit_response
from retouch.api.response.errors import Dialect, fault_from_exception
from retouch.api.response.log_fields import log_fields
from retouch.core.concurrency.heartbeat import is_done_within, run_in_background
from retouch.core.http_response import BodyStream, HttpResponse, json_headers
from retouch.gateway.orders.edit_order import WRITE_AFTER_SECONDS, EditOrder
from retouch.gateway.result import EditResult

_MIN_SILENCE_SECONDS = 0.1
# The part of an SDK's timeout that is left for the upload, a cold start and the network, and its maximum in seconds.
_NETWORK_SHARE, _MAX_NETWORK_SECONDS = 0.25, 10.0


def max_silence(headers: Mapping[str, str], keep_alive_after: float) -> float:
    """Return the seconds without a byte that API Gateway and the client both tolerate.

    That is `keep_alive_after`, or the timeout that an SDK reports, less a margin for the network. `keep_alive_after` is
    0 if the front end never closes a silent connection. The result is infinite if the client has no timeout either.
    """
    timeout = read_sdk_timeout(headers)
    margin = min((timeout or 0) * _NETWORK_SHARE, _MAX_NETWORK_SECONDS)
    client_silence = inf if timeout is None else timeout - margin
    return max(_MIN_SILENCE_SECONDS, min(keep_alive_after or inf, client_silence))


def run_with_keep_alive(
    run: Callable[[], EditResult],
    silence: float,
    order: EditOrder | None,
    request_id: str,
    dialect: Dialect,
) -> HttpResponse:
    """Return the usual response when it is ready within `silence` seconds, else one that begins with spaces.

    The order of an SDK is written while the edit runs, so it delays neither the edit nor a fast response.
    """
    future = run_in_background(run)
    write_after = min(WRITE_AFTER_SECONDS, silence)
    if not is_done_within(future, write_after):
        if order:
            order.begin()
        if not is_done_within(future, silence - write_after):
            return _slow_response(future, silence, request_id, keeps_running=order is not None)
    return edit_response.render_http(future.result(), request_id, dialect)


def _slow_response(
    future: Future[EditResult], silence: float, request_id: str, *, keeps_running: bool
) -> HttpResponse:
    headers = {"x-retouch-billed": "unknown", "x-retouch-notes": "slow: the body says how it ended"}
    body = _keep_alive_body(future, silence)
    if keeps_running:
        body = _run_to_end(future, body)
    # These fields are logged when the client leaves before the end.
    return HttpResponse(
        200, {**json_headers(request_id), **headers}, body, log_fields={"billed": "unknown"}
    )


def _run_to_end(future: Future[EditResult], body: BodyStream) -> BodyStream:
    """Yield the body. When the client leaves, wait for the end of the edit, whose order a repetition looks for.

    Lambda stops a process as soon as its response has ended.
    """
    try:
        return (yield from body)
    finally:
        is_done_within(future, inf)


def _keep_alive_body(future: Future[EditResult], silence: float) -> BodyStream:
    """Yield spaces, then the body. Return the usual response, for the log."""
    yield b" "
    while not is_done_within(future, silence):
        yield b" "
    try:
        result = future.result()
    except Exception as error:  # a broken connection would make the client send the edit again
        result = EditResult(fault_from_exception(error))
    yield _final_piece(result)
    return HttpResponse(result.status, {}, b"", log_fields(result))


def _final_piece(result: EditResult) -> bytes:
    """Return the JSON body of a success, or the text of a failure."""
    document = edit_response.document(result, "openai-api")
    body = orjson.dumps({**document, "retouch": edit_response.metadata_object(result)})
    error = document.get("error") if result.status >= 400 else None
    return _failure_text(result.status, error["message"], body) if error else body


def _failure_text(status: int, text: str, document: bytes) -> bytes:
    """Return a body that no JSON parser accepts and that a person can read.

    V8 repeats the first ten characters of invalid JSON in its message: "Error 502:".
    """
    message = " ".join(text.split())
    return (
        f"Error {status}: {message} (The response began with status 200 before the edit failed, "
        "so this body is not JSON. The next line is the error as JSON.)\n"
    ).encode() + document
