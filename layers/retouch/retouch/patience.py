"""When a call is sent again: only when nothing can have been bought by the time before.

That is proven in three cases: no connection was made, the provider answered "not now" and says when, or the
call is one that costs nothing (a poll, the download of a result). The last is sent again after whatever may pass: a
connection that broke, a link that led nowhere for a moment, a 5xx. Everything else is sent once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

from retouch.clock import Clock, backoff
from retouch.errors import BadUpstream, Unreachable
from retouch.faults import patience, told
from retouch.messages import Call, Reply
from retouch.plan.resolve import Target

Send = Callable[[Call], Reply]
_ATTEMPTS = 3
_BACKOFF = 1.0  # seconds at most before the second attempt, doubled each time
_PASSING = (408, 429, 500, 502, 503, 504)
_NOT_NOW = ("rate_limited", "not_started")  # kinds of answers to orders that were not begun


def patient(send: Send, target: Target, clock: Clock, deadline: float, longest: float) -> Send:
    """`send`, repeated where that is free, inside the deadline. An order waits `longest` seconds at most.

    What costs nothing waits as long as the provider says: a picture that was paid for may depend on it.
    """

    def send_patiently(call: Call) -> Reply:
        for attempt in range(1, _ATTEMPTS):
            found = _tried(send, call)
            wait = _again(target, call, found, longest)
            pause = (wait or 0.0) + backoff(clock, _BACKOFF, attempt)
            if wait is None or clock.now() + pause >= deadline:
                return _given(found)
            clock.sleep(pause)
        return send(call)

    return send_patiently


def _tried(send: Send, call: Call) -> Reply | BadUpstream:
    try:
        return send(call)
    except BadUpstream as broken:
        return broken


def _given(found: Reply | BadUpstream) -> Reply:
    if isinstance(found, BadUpstream):
        raise found
    return found


def _again(target: Target, call: Call, found: Reply | BadUpstream, longest: float) -> float | None:
    """Seconds after which the call may be sent again; None where it must not be."""
    if isinstance(found, BadUpstream):
        free = isinstance(found, Unreachable) or (call.repeatable and found.retryable)
        return 0.0 if free else None
    if call.repeatable:
        return _passing(target, found)
    wait = _not_now(target, found)
    return wait if wait is not None and longest and wait <= longest else None


def _passing(target: Target, reply: Reply) -> float | None:
    """Whether a poll or a download may go better the next time, and when."""
    said = told(target.provider, reply)
    if reply.status not in _PASSING or said.kind not in ("", *_NOT_NOW):
        return None
    return patience(said, reply) or 0.0


def _not_now(target: Target, reply: Reply) -> float | None:
    """When an order may be sent again that was turned away. A bare 503 may come from a server that died over it."""
    said = told(target.provider, reply)
    if reply.status not in (429, 503):
        return None
    if said.kind == "not_started":
        return patience(said, reply) or 0.0
    turned_away = said.kind == "rate_limited" or (not said.kind and reply.status == 429)
    return patience(said, reply) if turned_away else None
