"""A plain answer that takes longer than the line stays open in silence.

JSON may begin with white space, so a space now and then keeps the connection open. The status has to be 200 from
the first one on; how it ended stands in the body: the error envelope, and `retouch` with what headers say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf

import orjson

from retouch.pulse import once, pulse
from retouch.wire.answer import Answer, Pieces, as_fault, beside, failure, json_headers

# Seconds of silence after which openai-python and openai-node give up, and order again.
_TIMEOUTS = ("x-stainless-read-timeout", "x-stainless-timeout")
_SHORTEST = 0.1  # seconds


def quiet(headers: Mapping[str, str], silence: float) -> float:
    """Seconds without a sign of life that front and caller both bear: `silence`, and half of what an SDK says it waits.

    `silence` is 0 where the front never hangs up; infinite where nobody does.
    """
    said = [headers[name] for name in _TIMEOUTS if name in headers]
    waits = [float(text) / 2 for text in said if text.replace(".", "", 1).isdigit()]
    return max(_SHORTEST, min([silence or inf, *waits]))


def steady(run: Callable[[], Answer], every: float, request_id: str) -> Answer:
    """The answer itself where it is ready within `every` seconds, else one that begins with spaces."""
    waiting = pulse(once(run), every)
    first = next(waiting)
    if first is not None:
        return first
    late = {"x-retouch-billed": "unknown", "x-retouch-notes": "slow: the body says how it ended"}
    return Answer(200, {**json_headers(request_id), **late}, _body(waiting, request_id))


def _body(waiting: Iterator[Answer | None], request_id: str) -> Pieces:
    yield b" "
    try:
        while (ended := next(waiting)) is None:
            yield b" "
    except Exception as error:  # a broken connection would be taken for a reason to order again
        ended = failure(as_fault(error), request_id)
    yield _told(ended)
    return ended


def _told(answer: Answer) -> bytes:
    """The body with what its headers would have said."""
    whole = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return whole[:-1] + b',"retouch":' + orjson.dumps(beside(answer)) + b"}"
