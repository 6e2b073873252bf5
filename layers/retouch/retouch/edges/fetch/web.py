"""The web beyond the providers: pictures that callers name, and results that providers leave on other hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from retouch.clock import Clock
from retouch.edges.aws.session import Aws
from retouch.edges.fetch.fetcher import Fetcher
from retouch.edges.fetch.queue import QueuedFetch
from retouch.edges.fetch.webhook import Webhook
from retouch.guard.policy import Policy
from retouch.settings import Settings

Log = Callable[[Mapping[str, Any]], None]
_RESULT_SECONDS = 60.0  # a result is bought already, so it gets more time than a caller's picture


class Web:
    """Two ways through the guarded fetcher: `picture` for callers' URLs, `result` for providers'.

    With RETOUCH_MIRROR=queue the mirror fetches instead, and this function needs no way to the internet but to
    its providers.
    """

    def __init__(self, settings: Settings, clock: Clock, aws: Aws, log: Log) -> None:
        self._policy = replace(
            Policy.from_text(settings.fetch_allow), most_bytes=settings.upload_bytes
        )
        self._results = replace(
            self._policy, most_bytes=settings.reply_bytes, total_seconds=_RESULT_SECONDS
        )
        self._clock, self._log = clock, log
        self._fetcher = Fetcher(self._policy, clock, log=log)
        self.webhook = Webhook(self._policy, clock, log=log)
        self._queued = QueuedFetch(settings, clock, aws) if settings.mirror == "queue" else None

    def picture(self, url: str, deadline: float) -> bytes:
        """What a caller's URL leads to. FetchError."""
        if self._queued:
            return self._queued.read(url, deadline, self._policy)
        return self._fetcher.read(url, deadline)

    def result(self, url: str, deadline: float, hosts: tuple[str, ...]) -> bytes:
        """What a provider's link leads to, on one of its hosts where they are known. FetchError."""
        policy = replace(self._results, hosts=hosts)
        if self._queued:
            return self._queued.read(url, deadline, policy)
        return Fetcher(policy, self._clock, log=self._log).read(url, deadline)
