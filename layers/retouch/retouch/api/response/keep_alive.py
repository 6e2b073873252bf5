"""A JSON response that keeps its connection open while the edit runs.

JSON may begin with white space, so a space at regular intervals keeps the connection open. The first space fixes the
status at 200. The body is the usual body and shows the outcome. Its `retouch` member has the values of the headers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf

import orjson

from retouch.api.response import edit as edit_response
from retouch.api.response.errors import ErrorFormat, fault_from_exception
from retouch.api.response.log_fields import log_fields
from retouch.core.heartbeat import single_item, with_heartbeat
from retouch.core.http_response import BodyStream, HttpResponse, json_headers
from retouch.gateway.result import EditResult

# The seconds without a byte after which openai-python and openai-node send the edit again.
_SDK_TIMEOUT_HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
_MIN_SILENCE_SECONDS = 0.1


def max_silence(headers: Mapping[str, str], keep_alive_after: float) -> float:
    """Return the seconds without a byte that API Gateway and the client both tolerate.

    That is `keep_alive_after`, or half of the timeout that an SDK reports. `keep_alive_after` is 0 if the front end
    never closes a silent connection. The result is infinite if the client has no such timeout either.
    """
    timeout_values = [headers[name] for name in _SDK_TIMEOUT_HEADERS if name in headers]
    waits = [
        float(text) / 2
        for text in timeout_values
        if text.isascii() and text.replace(".", "", 1).isdigit()
    ]
    return max(_MIN_SILENCE_SECONDS, min([keep_alive_after or inf, *waits]))


def with_keep_alive(
    run: Callable[[], EditResult], interval: float, request_id: str, error_format: ErrorFormat
) -> HttpResponse:
    """Return the usual response when it is ready within `interval` seconds, else one that begins with spaces."""
    results = with_heartbeat(single_item(run), interval)
    first = next(results)
    if first is not None:
        return edit_response.render_http(first, request_id, error_format)
    headers = {"x-retouch-billed": "unknown", "x-retouch-notes": "slow: the body says how it ended"}
    body = _keep_alive_body(results)
    # These fields are logged when the client leaves before the end.
    return HttpResponse(
        200, {**json_headers(request_id), **headers}, body, log_fields={"billed": "unknown"}
    )


def _keep_alive_body(results: Iterator[EditResult | None]) -> BodyStream:
    """Yield spaces, then the body. Return the usual response, for the log."""
    yield b" "
    try:
        while (result := next(results)) is None:
            yield b" "
    except Exception as error:  # a broken connection would make the client send the edit again
        result = EditResult(fault_from_exception(error))
    document = edit_response.document(result, "openai-api")
    yield orjson.dumps({**document, "retouch": edit_response.metadata_object(result)})
    return HttpResponse(result.status, {}, b"", log_fields(result))
