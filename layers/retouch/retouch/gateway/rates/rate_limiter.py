"""Counts requests, pictures and tokens in the windows of rate limits, and refuses what is above a limit.

A process remembers until when a window is full, so that a client that does not stop costs no writes.
"""

from __future__ import annotations

from collections.abc import Sequence

from retouch.core.clock import Clock
from retouch.core.parameters import quote_value
from retouch.tenants.budget_errors import RateExceeded
from retouch.tenants.rates import RateTable, RateUse, RateWindow, rate_headers

_MAX_REMEMBERED = 10_000
_SCOPE_TEXTS = {
    "virtual_key": "The virtual key",
    "api_key": "This gateway key",
    "workspace": "The workspace of this gateway key",
}


class RateLimiter:
    """The windows of all keys, as one process knows them."""

    def __init__(self, table: RateTable, clock: Clock) -> None:
        self._table, self._clock = table, clock
        self._full: dict[tuple[str, str], int] = {}  # account and window: its count

    def count_request(self, windows: Sequence[RateWindow]) -> tuple[RateUse, ...]:
        """Count one request, and return the use of the windows. Raises RateExceeded and BudgetUnavailable."""
        for window in windows:
            full = self._full.get((window.account, window.name))
            if full is not None:
                raise self._error(RateUse(window, full))
        return tuple(self._count(window) for window in windows)

    def add(self, windows: Sequence[RateWindow], pictures: int, tokens: int) -> None:
        """Add what an edit has made to the windows that count it."""
        amounts = {"pictures": pictures, "tokens": tokens}
        for window in windows:
            amount = amounts.get(window.limit.type, 0)
            if amount:
                self._table.add(window, amount)

    def read(self, windows: Sequence[RateWindow]) -> tuple[RateUse, ...]:
        """Return the use of the windows."""
        return tuple(RateUse(window, self._table.read(window)) for window in windows)

    def _count(self, window: RateWindow) -> RateUse:
        if window.limit.type == "requests":
            count = self._table.count(window, 1)
        else:  # added when an edit has made them
            count = self._table.read(window)
            count = None if count >= window.limit.value else count
        if count is not None:
            return RateUse(window, count)
        if len(self._full) >= _MAX_REMEMBERED:
            self._full.clear()
        self._full[window.account, window.name] = window.limit.value
        raise self._error(RateUse(window, window.limit.value))

    def _error(self, use: RateUse) -> RateExceeded:
        window, now = use.window, self._clock.unix_time()
        limit, seconds = window.limit, window.end - now
        error = RateExceeded(
            f"{_SCOPE_TEXTS[window.scope]} may use {limit.value} {limit.type} in {limit.window_seconds} s "
            f"({quote_value(limit.unit)}), and they are used. Send the request again in {seconds} s.",
            retry_after=seconds,
        )
        error.headers = rate_headers([use], now)
        return error
