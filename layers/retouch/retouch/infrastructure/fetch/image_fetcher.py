"""Access to hosts other than the providers' APIs: input images at callers' URLs, and results on other hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from retouch.core.clock import Clock
from retouch.core.image_formats import INPUT_FORMATS, OTHER_FORMATS
from retouch.core.settings import Settings
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.content_coding import DECODABLE_CODINGS
from retouch.infrastructure.fetch.fetcher import Fetcher
from retouch.infrastructure.fetch.queued_fetcher import QueuedFetcher
from retouch.infrastructure.fetch.webhook_client import WebhookClient

WriteLog = Callable[[Mapping[str, Any]], None]
# a result is already paid for, so it gets more time than an input image
_RESULT_TIMEOUT_SECONDS = 60.0


class ImageFetcher:
    """Two uses of the guarded fetcher: `fetch_input` for callers' URLs, `fetch_result` for providers' result URLs.

    With RETOUCH_MIRROR=queue, the mirror function fetches instead. The edits function then needs internet access only
    to its providers.
    """

    def __init__(self, settings: Settings, clock: Clock, aws: AwsClients, log: WriteLog) -> None:
        self._input_policy = replace(
            FetchPolicy.from_text(settings.fetch_allowlist, settings.user_agent),
            max_bytes=settings.max_upload_bytes,
        )
        self._result_policy = replace(
            self._input_policy,
            max_bytes=settings.max_provider_response_bytes,
            total_seconds=_RESULT_TIMEOUT_SECONDS,
            formats=(*INPUT_FORMATS, *OTHER_FORMATS),
            codings=DECODABLE_CODINGS,
        )
        self._clock, self._log = clock, log
        self._fetcher = Fetcher(self._input_policy, clock, log=log)
        self.webhook_client = WebhookClient(
            FetchPolicy.from_text(settings.webhook_allowlist, settings.user_agent), clock, log=log
        )
        self._queued_fetcher = (
            QueuedFetcher(settings, clock, aws) if settings.mirror_mode == "queue" else None
        )

    def fetch_input(self, url: str, deadline: float) -> bytes:
        """Return the image at a caller's URL. Raises FetchError."""
        if self._queued_fetcher:
            return self._queued_fetcher.read(url, deadline, self._input_policy)
        return self._fetcher.read(url, deadline)

    def fetch_result(self, url: str, deadline: float, hosts: tuple[str, ...]) -> bytes:
        """Return the image at a provider's result URL, on one of its hosts if they are known. Raises FetchError."""
        policy = replace(self._result_policy, hosts=hosts)
        if self._queued_fetcher:
            return self._queued_fetcher.read(url, deadline, policy)
        return Fetcher(policy, self._clock, log=self._log).read(url, deadline)
