"""When a call is sent again: only when nothing can have been bought by the time before.

That is proven in three cases: no connection was made, the provider answered "not now" and says when, or the
call is one that costs nothing. Everything else is sent once, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable

from retouch.clock import Clock
from retouch.errors import Unreachable
from retouch.faults import patience, told
from retouch.messages import Call, Reply
from retouch.plan.resolve import Target

Send = Callable[[Call], Reply]
_ATTEMPTS = 3
_BACKOFF = 0.5  # seconds, doubled each time, with full jitter


def patient(send: Send, target: Target, clock: Clock, deadline: float, longest: float) -> Send:
    """`send`, repeated where that is free, inside the deadline and with waits of at most `longest` seconds."""

    def send_patiently(call: Call) -> Reply:
        for attempt in range(1, _ATTEMPTS + 1):
            backoff = _BACKOFF * 2**attempt * clock.chance()
            try:
                reply = send(call)
            except Unreachable:
                if attempt == _ATTEMPTS or clock.now() + backoff >= deadline:
                    raise
                clock.sleep(backoff)
                continue
            wait = _not_now(target, reply)
            if wait is None or wait > longest or attempt == _ATTEMPTS:
                return reply
            if clock.now() + wait + backoff >= deadline:
                return reply
            clock.sleep(wait + backoff)
        raise AssertionError("the last attempt returns or raises")

    return send_patiently


def _not_now(target: Target, reply: Reply) -> float | None:
    """Seconds after which the provider wants to be asked again; None where it must not be."""
    if reply.status not in (429, 503):
        return None
    said = told(target.provider, reply)
    wait = patience(said, reply)
    if said.kind == "not_started":
        return wait or 0.0
    return None if said.kind not in ("", "rate_limited") else wait
