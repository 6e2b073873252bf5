"""Endpoints: the URLs that callers have registered for events."""

from __future__ import annotations

from dataclasses import field, replace

from retouch.core.frozen_dataclass import frozen_dataclass

ENDPOINT_PREFIX = "we_"
_FAILING_SECONDS, _MAX_FAILURES = 5 * 86_400, 20
GONE, FAILING = "gone", "failing"


@frozen_dataclass
class Endpoint:
    """An endpoint as it is stored. Its secrets are sealed. Times are Unix seconds."""

    id: str
    scope: str  # whose events it gets
    url: str
    name: str
    event_types: tuple[str, ...]
    secret: str = field(repr=False)
    secret_hint: str
    created: int
    updated: int
    # Each signs too until its time, the newest first.
    old_secrets: tuple[tuple[str, int], ...] = field(default=(), repr=False)
    failures: int = 0  # since the last success
    failing_since: int = 0
    disabled_reason: str = ""  # GONE, FAILING, or "" while it gets events
    version: str = ""

    @property
    def is_enabled(self) -> bool:
        """Whether the endpoint gets events."""
        return not self.disabled_reason


def add_success(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint after an attempt that it accepted."""
    if endpoint.failures or endpoint.disabled_reason:
        return replace(endpoint, failures=0, failing_since=0, disabled_reason="")
    return endpoint


def add_failure(endpoint: Endpoint, now: int, *, is_gone: bool) -> Endpoint:
    """Return the endpoint after a failed attempt.

    410 disables it. More than 20 failures in a row, in at least 5 days, disable it too.
    """
    failed = replace(
        endpoint, failures=endpoint.failures + 1, failing_since=endpoint.failing_since or now
    )
    if is_gone:
        return replace(failed, disabled_reason=GONE)
    is_failing = now - failed.failing_since >= _FAILING_SECONDS and failed.failures > _MAX_FAILURES
    return replace(failed, disabled_reason=FAILING) if is_failing else failed
