"""The client for guardrail webhooks: one signed POST, under the URL policy. The response is a verdict.

Someone else may have chosen the URL, so the fetcher's rules apply: the same parser and policy, one lookup of the
name, a connection to exactly the address that was checked, no proxies and no redirects. The error that the caller
gets does not depend on what is behind the URL. The log has the reason.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from retouch.core.credentials.webhook_signature import signature_headers
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, parse_url
from retouch.gateway.guardrails.types import CheckError, WebhookCheckRequest
from retouch.infrastructure.fetch.guarded_client import GuardedClient
from retouch.infrastructure.fetch.http_exchange import HttpExchange
from retouch.infrastructure.fetch.post_exchange import PostExchange

_MAX_RESPONSE_BYTES = 65_536
_CHUNK_BYTES = 16_384


class WebhookCheckClient(GuardedClient):
    """A client that calls webhooks under a policy."""

    def __call__(self, request: WebhookCheckRequest) -> bytes:
        """Return the body of a response with status 200, at most 64 KiB.

        Raises CheckError for everything else, within the request's timeout and before its deadline.
        """
        started_at = self._clock.now()
        deadline = min(started_at + request.timeout_seconds, request.deadline)
        reason, host = None, None
        try:
            url = parse_url(request.url, self._policy.max_url_length)
            host = url.host
            return self._send(request, url, deadline)
        except (FetchError, TimeoutError) as error:
            reason = error.reason if isinstance(error, FetchError) else "timeout"
            raise CheckError(_failure_message(reason, deadline - started_at)) from None
        finally:
            ms = round((self._clock.now() - started_at) * 1000)
            self._log({"event": "webhook", "host": host, "reason": reason, "ms": ms})

    def _send(self, request: WebhookCheckRequest, url: Url, deadline: float) -> bytes:
        remaining_seconds = self._seconds_until(deadline)
        connection = self._connect(url, remaining_seconds, lambda _address: None)
        message_id = f"msg_{secrets.token_hex(16)}"
        keys = [request.signing_key] if request.signing_key else []
        signature = signature_headers(keys, message_id, self._clock.unix_time(), request.body)
        exchange = PostExchange(
            connection,
            url,
            remaining_seconds,
            self._policy.user_agent,
            {**request.headers, **signature},
            request.body,
        )
        try:
            return b"".join(_read_body(exchange))
        finally:
            exchange.close()


def _read_body(exchange: HttpExchange) -> Iterator[bytes]:
    """Yield the response's body, up to the size limit. Raises FetchError when it is shorter than announced."""
    if exchange.status != 200:
        raise FetchError("upstream_status")
    if exchange.content_coding:
        raise FetchError("content_encoding")
    exchange.allow_body(_MAX_RESPONSE_BYTES)
    size = 0
    while chunk := exchange.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > _MAX_RESPONSE_BYTES:
            raise FetchError("too_large")
        yield chunk
    if size < (exchange.content_length or 0):
        raise FetchError("truncated")


def _failure_message(reason: str, seconds: float) -> str:
    """Return the same message for all network failures, so that it reveals nothing about an address.

    `seconds` is the time that the request had.
    """
    if seconds <= 0:
        return "The webhook timed out: the edit left no time for it."
    if reason == "upstream_status":
        return "The webhook did not respond with status 200."
    if reason == "too_large":
        return f"The webhook's response is larger than {_MAX_RESPONSE_BYTES} bytes."
    return f"The webhook gave no verdict within {seconds:.3g} seconds, or cannot be reached."
