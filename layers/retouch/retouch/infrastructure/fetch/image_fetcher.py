"""Access to hosts other than the providers' APIs: images at callers' URLs, results on other hosts, and webhooks.

The modules of the guarded exchange are loaded by the first request that needs them, because most edits name no URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.core.url_policy.policy import RESULT_FORMATS, RESULT_STATUSES, FetchPolicy
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.content_coding import DECODABLE_CODINGS

if TYPE_CHECKING:
    from retouch.gateway.guardrails.types import WebhookCheckRequest
    from retouch.infrastructure.fetch.fetcher import Fetcher
    from retouch.infrastructure.fetch.queued_fetcher import QueuedFetcher
    from retouch.infrastructure.fetch.webhook_check_client import WebhookCheckClient

WriteLog = Callable[[Mapping[str, Any]], None]
# a result is already paid for, so it gets more time than an input image
_RESULT_TIMEOUT_SECONDS = 60.0


class ImageFetcher:
    """The uses of the guarded exchange: callers' URLs, providers' result URLs, and the webhooks of guardrails.

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
            formats=RESULT_FORMATS,
            codings=DECODABLE_CODINGS,
            success_statuses=RESULT_STATUSES,
        )
        self._webhook_policy = FetchPolicy.from_text(
            settings.webhook_allowlist, settings.user_agent
        )
        self._settings, self._aws = settings, aws
        self._clock, self._log = clock, log

    def fetch_input(self, url: str, deadline: float) -> bytes:
        """Return the image at a caller's URL. Raises FetchError."""
        if self._queued_fetcher:
            return self._queued_fetcher.read(url, deadline, self._input_policy)
        return self._fetcher(self._input_policy).read(url, deadline)

    def fetch_result(self, url: str, deadline: float, hosts: tuple[str, ...]) -> bytes:
        """Return the image at a provider's result URL, on one of its hosts if they are known. Raises FetchError."""
        policy = replace(self._result_policy, hosts=hosts)
        if self._queued_fetcher:
            return self._queued_fetcher.read(url, deadline, policy)
        return self._fetcher(policy).read(url, deadline)

    def call_webhook(self, request: WebhookCheckRequest) -> bytes:
        """Return the body of a webhook's response. Raises CheckError."""
        return self._webhook_client(request)

    def _fetcher(self, policy: FetchPolicy) -> Fetcher:
        from retouch.infrastructure.fetch.fetcher import Fetcher

        return Fetcher(policy, self._clock, log=self._log)

    @cached_property
    def _webhook_client(self) -> WebhookCheckClient:
        from retouch.infrastructure.fetch.webhook_check_client import WebhookCheckClient

        return WebhookCheckClient(self._webhook_policy, self._clock, log=self._log)

    @cached_property
    def _queued_fetcher(self) -> QueuedFetcher | None:
        if self._settings.mirror_mode != "queue":
            return None
        from retouch.infrastructure.fetch.queued_fetcher import QueuedFetcher

        return QueuedFetcher(self._settings, self._clock, self._aws)
