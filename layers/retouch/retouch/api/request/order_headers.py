"""Reads from the headers how a request finds its order: `Idempotency-Key`, `Prefer: wait`, `x-retouch-join`."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from retouch.api.request.preferences import read_wait
from retouch.api.request.sdk_headers import read_retry_count
from retouch.gateway.orders.edit_order import OrderOptions
from retouch.orders.idempotency_key import HEADER_NAME, parse_idempotency_key


def read_order_options(headers: Mapping[str, str], *, is_required: bool) -> OrderOptions | None:
    """Return what the headers say, or None when no other request can look for this one.

    Raises InvalidRequest for an idempotency key that is not valid.
    """
    text = headers.get(HEADER_NAME.lower())
    key = None if text is None else parse_idempotency_key(text)
    may_join = headers.get("x-retouch-join", "").strip().lower() != "never"
    retry_count = read_retry_count(headers) if may_join else None
    if key is None and retry_count is None and not is_required:
        return None
    wait = read_wait(headers)
    return OrderOptions(key, retry_count, inf if wait is None else wait, is_required=is_required)
