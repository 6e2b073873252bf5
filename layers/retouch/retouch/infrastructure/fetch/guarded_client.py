"""The base of the clients for URLs that others choose: the policy, the clock, the guarded connector and the log."""

from __future__ import annotations

from collections.abc import Callable

from retouch.core.clock import Clock
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.connector import (
    Connector,
    GuardedConnector,
    OpenConnection,
    ResolveName,
    resolve_name,
)
from retouch.infrastructure.fetch.session import WriteLog, discard_log


class GuardedClient:
    """A client that connects only where the policy allows it. It has no state between two requests.

    So threads may share it.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        clock: Clock,
        *,
        resolve_name: ResolveName = resolve_name,
        open_connection: OpenConnection | None = None,
        log: WriteLog = discard_log,
    ) -> None:
        self._policy, self._clock, self._log = policy, clock, log
        self._connect = GuardedConnector(policy, resolve_name, open_connection or Connector())

    def _seconds_until(self, deadline: float) -> Callable[[], float]:
        """Return a function that returns the seconds until the deadline. It raises TimeoutError when there are none."""

        def remaining_seconds() -> float:
            seconds = deadline - self._clock.now()
            if seconds <= 0:
                raise TimeoutError("the deadline passed")
            return seconds

        return remaining_seconds
