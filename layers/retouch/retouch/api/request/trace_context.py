"""W3C trace context: the gateway adds its span id to the caller's trace.

The new trace context goes to the provider and back to the caller.

https://www.w3.org/TR/trace-context/ (version 00)
"""

from __future__ import annotations

import re
from hashlib import sha256

_TRACEPARENT_PATTERN = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


def child_traceparent(traceparent: str, request_id: str) -> str:
    """Return the caller's traceparent with this request's span id. Empty when it is absent or malformed."""
    match = _TRACEPARENT_PATTERN.fullmatch(traceparent)
    if not match or not match[1].strip("0") or not match[2].strip("0"):
        return ""
    span_id = sha256(f"{request_id}{traceparent}".encode()).hexdigest()[:16]
    return f"00-{match[1]}-{span_id}-{match[3]}"
