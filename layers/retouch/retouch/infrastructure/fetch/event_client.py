"""The client for webhook endpoints: one signed POST under the URL policy. Only the status of the response counts.

Callers choose the URLs, so the fetcher's rules apply: one lookup of the name, a connection to exactly the address that
was checked, no proxies and no redirects. Nothing of the response's body is read.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, parse_url
from retouch.infrastructure.fetch.guarded_client import GuardedClient
from retouch.infrastructure.fetch.post_exchange import PostExchange
from retouch.webhooks.services import EventRequest, EventResponse

_TIMEOUT_SECONDS, _CHECK_SECONDS = 15.0, 3.0
_MAX_DIGITS = 9
_PRODUCT = "Retouch-Webhooks/1"


class EventHttpClient(GuardedClient):
    """A client for the endpoints."""

    def check(self, url: str) -> None:
        """Raise FetchError when the URL policy forbids the URL or an address of its host."""
        parsed = parse_url(url, self._policy.max_url_length)
        self._connect.check(parsed, self._seconds_until(self._clock.now() + _CHECK_SECONDS))

    def post(self, request: EventRequest) -> EventResponse:
        """Send a request once. It takes at most 15 seconds."""
        started, host, reason, status = self._clock.now(), None, "", 0
        retry_after = None
        try:
            url = parse_url(request.url, self._policy.max_url_length)
            host = url.host
            exchange = self._send(request, url)
            exchange.close()
            status, retry_after = exchange.status, self._retry_after(exchange)
        except (FetchError, TimeoutError) as error:
            reason = error.reason if isinstance(error, FetchError) else "timeout"
        ms = round((self._clock.now() - started) * 1000)
        line = {"event": "delivery", "host": host, "status": status, "reason": reason, "ms": ms}
        self._log(line)
        return EventResponse(status, ms, reason, retry_after)

    def _send(self, request: EventRequest, url: Url) -> PostExchange:
        remaining_seconds = self._seconds_until(self._clock.now() + _TIMEOUT_SECONDS)
        connection = self._connect(url, remaining_seconds, lambda _address: None)
        return PostExchange(
            connection, url, remaining_seconds, self._user_agent(), request.headers, request.body
        )

    def _user_agent(self) -> str:
        contact = self._policy.user_agent.partition(" ")[2]
        return f"{_PRODUCT} {contact}".strip()

    def _retry_after(self, exchange: PostExchange) -> float | None:
        """Return the seconds that the receiver asks for, as a number or a date, or None."""
        text = (exchange.header("Retry-After") or "").strip()
        if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._clock.unix_time())
        except (ValueError, OverflowError):  # a year that no computer counts
            return None
