"""The two guarded fetchers of the mirror function."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.core.url_policy.policy import RESULT_FORMATS, RESULT_STATUSES, FetchPolicy
from retouch.infrastructure.content_coding import DECODABLE_CODINGS
from retouch.infrastructure.fetch.fetcher import Fetcher
from retouch.infrastructure.fetch.session import WriteLog


def mirror_fetchers(settings: Settings, clock: Clock, log: WriteLog) -> tuple[Fetcher, Fetcher]:
    """Return the fetcher for callers of the mirror, and the one for the edits function.

    What an edit fetches may be a result that is paid for, so every image is taken, also in a compressed body.
    """
    policy = replace(
        FetchPolicy.from_text(settings.fetch_allowlist, settings.user_agent),
        max_bytes=settings.max_mirror_bytes,
        total_seconds=settings.mirror_timeout,
    )
    edit_policy = replace(
        policy,
        formats=RESULT_FORMATS,
        codings=DECODABLE_CODINGS,
        success_statuses=RESULT_STATUSES,
    )
    return Fetcher(policy, clock, log=log), Fetcher(edit_policy, clock, log=log)
