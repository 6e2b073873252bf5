"""Rate limits in fixed windows of time: which windows a request counts in, and what its response says about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.budgets import BudgetScope
from retouch.tenants.keys import GatewayKey, VirtualKeyRecord
from retouch.tenants.limits import RateLimit

_KEPT_SECONDS = 3600  # a row is kept for this time after the end of its window


@frozen_dataclass
class RateWindow:
    """The present window of one limit. Times are Unix seconds."""

    scope: BudgetScope
    account: str  # whose rate it is, in the table
    limit: RateLimit
    start: int

    @property
    def end(self) -> int:
        """When the next window begins."""
        return self.start + self.limit.window_seconds

    @property
    def name(self) -> str:
        """The name of the window in the table, such as rpm#1800000000."""
        kind = "" if self.limit.type == "requests" else f"{self.limit.type}-"
        return f"{kind}{self.limit.unit}#{self.start}"

    @property
    def expires(self) -> int:
        """When the row may be deleted."""
        return self.end + _KEPT_SECONDS


class RateTable(Protocol):
    """The counts of all windows. Every method raises BudgetUnavailable when the table cannot be used."""

    def count(self, window: RateWindow, amount: int) -> int | None:
        """Add to a window, and return its count. None: the window is full, and nothing was added."""

    def add(self, window: RateWindow, amount: int) -> None:
        """Add to a window, also above its limit."""

    def read(self, window: RateWindow) -> int:
        """Return the count of a window."""


@frozen_dataclass
class RateUse:
    """A window and what was counted in it."""

    window: RateWindow
    count: int

    @property
    def remaining(self) -> int:
        """What is left of the limit."""
        return max(0, self.window.limit.value - self.count)


def windows_of_key(key: GatewayKey | None, now: int) -> tuple[RateWindow, ...]:
    """Return the windows of a gateway key and of its workspace, the shortest first."""
    if key is None or not key.has_rate_limits:
        return ()
    workspace = key.workspace
    return (
        *make_windows("api_key", f"key#{key.id}", key.rate_limits, now),
        *make_windows("workspace", f"ws#{workspace.id}", workspace.rate_limits, now),
    )


def windows_of_virtual_key(record: VirtualKeyRecord | None, now: int) -> tuple[RateWindow, ...]:
    """Return the windows of the virtual key that pays."""
    if record is None:
        return ()
    return make_windows("virtual_key", f"vk#{record.budget_name}", record.rate_limits, now)


def make_windows(
    scope: BudgetScope, account: str, limits: Sequence[RateLimit], now: int
) -> tuple[RateWindow, ...]:
    """Return the present window of each limit, the shortest first."""
    windows = (
        RateWindow(scope, account, limit, now - now % limit.window_seconds) for limit in limits
    )
    return tuple(sorted(windows, key=lambda one: one.limit.window_seconds))


def rate_headers(uses: Sequence[RateUse], now: int) -> dict[str, str]:
    """Return the headers about the limits: OpenAI's for the tightest of each kind, and those of the IETF's draft."""
    headers: dict[str, str] = {}
    for kind in ("requests", "tokens"):
        of_kind = [one for one in uses if one.window.limit.type == kind]
        if of_kind:
            tightest = min(of_kind, key=lambda one: (one.remaining, -one.window.end))
            headers |= _openai_headers(kind, tightest, now)
    if uses:
        tightest = min(uses, key=lambda one: (one.remaining, -one.window.end))
        headers["RateLimit-Policy"] = ", ".join(_policy_text(one.window) for one in uses)
        headers["RateLimit"] = (
            f'"{_policy_name(tightest.window)}";r={tightest.remaining};t={tightest.window.end - now}'
        )
    return headers


def _openai_headers(kind: str, use: RateUse, now: int) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(use.window.limit.value),
        f"x-ratelimit-remaining-{kind}": str(use.remaining),
        f"x-ratelimit-reset-{kind}": f"{use.window.end - now}s",
    }


def _policy_text(window: RateWindow) -> str:
    return f'"{_policy_name(window)}";q={window.limit.value};w={window.limit.window_seconds}'


def _policy_name(window: RateWindow) -> str:
    return f"{window.scope}-{window.limit.type}-{window.limit.unit}"
