"""A plain answer that takes longer than the front stays silent for.

JSON may begin with white space, so a space now and then keeps the connection open. The status has to be 200 from
the first one on; a failure after that still comes as the error envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from retouch.pulse import once, pulse
from retouch.wire.answer import Answer, as_fault, failure, json_headers


def steady(run: Callable[[], Answer], every: float, request_id: str) -> Answer:
    """The answer itself where it is ready within `every` seconds, else one that begins with spaces."""
    waiting = pulse(once(run), every)
    first = next(waiting)
    if first is not None:
        return first
    late = {"x-retouch-billed": "unknown", "x-retouch-notes": "slow: the body says how it ended"}
    return Answer(200, {**json_headers(request_id), **late}, _body(waiting, request_id))


def _body(waiting: Iterator[Answer | None], request_id: str) -> Iterator[bytes]:
    yield b" "
    try:
        for answer in waiting:
            yield b" " if answer is None else _bytes(answer)
    except Exception as error:  # a broken connection would be taken for a reason to order again
        yield _bytes(failure(as_fault(error), request_id))


def _bytes(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
