"""W3C trace context: a caller's trace goes on to the provider and comes back, with a step of our own in it.

https://www.w3.org/TR/trace-context/ (version 00)
"""

from __future__ import annotations

import re
from hashlib import sha256

_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


def stepped(traceparent: str, request_id: str) -> str:
    """The caller's traceparent with this request as its last step; empty for none, or for one that is malformed."""
    found = _PARENT.fullmatch(traceparent)
    if not found or not found[1].strip("0") or not found[2].strip("0"):
        return ""
    step = sha256(f"{request_id}{traceparent}".encode()).hexdigest()[:16]
    return f"00-{found[1]}-{step}-{found[3]}"
