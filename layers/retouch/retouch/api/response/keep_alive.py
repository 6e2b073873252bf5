"""A plain answer that takes longer than the line stays open in silence.

JSON may begin with white space, so a space now and then keeps the connection open. The status has to be 200 from
the first one on; how it ended stands in the body: the error envelope, and `retouch` with what headers say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf

import orjson

from retouch.api.response.errors import error_response, fault_from_exception, metadata_object
from retouch.core.heartbeat import single_item, with_heartbeat
from retouch.core.http import BodyStream, HttpResponse, json_headers

# Seconds of silence after which openai-python and openai-node give up, and order again.
_SDK_TIMEOUT_HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
_MIN_SILENCE_SECONDS = 0.1  # seconds


def max_silence(headers: Mapping[str, str], keep_alive_after: float) -> float:
    """Seconds without a sign of life that front and caller both bear: `silence`, and half of what an SDK says it waits.

    `silence` is 0 where the front never hangs up; infinite where nobody does.
    """
    timeout_values = [headers[name] for name in _SDK_TIMEOUT_HEADERS if name in headers]
    waits = [float(text) / 2 for text in timeout_values if text.replace(".", "", 1).isdigit()]
    return max(_MIN_SILENCE_SECONDS, min([keep_alive_after or inf, *waits]))


def with_keep_alive(
    run: Callable[[], HttpResponse], interval: float, request_id: str
) -> HttpResponse:
    """The answer itself where it is ready within `every` seconds, else one that begins with spaces."""
    heartbeats = with_heartbeat(single_item(run), interval)
    first_result = next(heartbeats)
    if first_result is not None:
        return first_result
    late_headers = {
        "x-retouch-billed": "unknown",
        "x-retouch-notes": "slow: the body says how it ended",
    }
    return HttpResponse(
        200, {**json_headers(request_id), **late_headers}, _keep_alive_body(heartbeats, request_id)
    )


def _keep_alive_body(heartbeats: Iterator[HttpResponse | None], request_id: str) -> BodyStream:
    yield b" "
    try:
        while (response := next(heartbeats)) is None:
            yield b" "
    except Exception as error:  # a broken connection would be taken for a reason to order again
        response = error_response(fault_from_exception(error), request_id)
    yield _body_with_metadata(response)
    return response


def _body_with_metadata(response: HttpResponse) -> bytes:
    """The body with what its headers would have said."""
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return body[:-1] + b',"retouch":' + orjson.dumps(metadata_object(response)) + b"}"
