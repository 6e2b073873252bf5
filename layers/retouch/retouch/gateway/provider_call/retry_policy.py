"""The retry policy for provider requests. A request is sent again only when the previous attempt cost nothing.

This is certain in three cases:

- No connection was made.
- The provider did not start the edit and gives the time of a retry.
- The request is idempotent, e.g. the upload of an image. It is sent again after every error that may be transient: a
  broken connection, a 429, a 5xx.

Every other request is sent only once. Requests for a result that is already paid for have a rule of their own
(`result_requests`).
"""

from __future__ import annotations

from collections.abc import Callable

from retouch.core.clock import Clock, backoff_delay
from retouch.core.errors import UpstreamError, UpstreamUnreachable
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel
from retouch.gateway.provider_call.error_mapping import parsed_error, retry_after_of

SendToProvider = Callable[[ProviderRequest], ProviderResponse]
_MAX_ATTEMPTS = 3
_BACKOFF_SECONDS = 1.0  # seconds at most before the second attempt, doubled each time
_TRANSIENT_STATUSES = (408, 429, 500, 502, 503, 504)
_BUSY_STATUSES = (429, 503)
# The error kinds of edits that the provider did not start.
_NOT_STARTED_KINDS = ("rate_limited", "not_started")


def add_retries(
    send: SendToProvider, resolved: ResolvedModel, clock: Clock, deadline: float, max_wait: float
) -> SendToProvider:
    """Return `send` with retries, for requests that may be repeated at no cost and within the deadline.

    A paid request waits at most `max_wait` seconds before a retry. An idempotent request waits as long as the provider
    demands.
    """

    def send_with_retries(request: ProviderRequest) -> ProviderResponse:
        for attempt in range(1, _MAX_ATTEMPTS):
            outcome = _try_send(send, request)
            delay = _retry_delay(resolved, request, outcome, max_wait)
            pause = (delay or 0.0) + backoff_delay(clock, _BACKOFF_SECONDS, attempt)
            if delay is None or clock.now() + pause >= deadline:
                return _response_or_raise(outcome)
            clock.sleep(pause)
        return send(request)

    return send_with_retries


def _try_send(send: SendToProvider, request: ProviderRequest) -> ProviderResponse | UpstreamError:
    try:
        return send(request)
    except UpstreamError as error:
        return error


def _response_or_raise(outcome: ProviderResponse | UpstreamError) -> ProviderResponse:
    if isinstance(outcome, UpstreamError):
        raise outcome
    return outcome


def _retry_delay(
    resolved: ResolvedModel,
    request: ProviderRequest,
    outcome: ProviderResponse | UpstreamError,
    max_wait: float,
) -> float | None:
    """Return the seconds to wait before the next attempt, or None when there must be no further attempt."""
    if isinstance(outcome, UpstreamError):
        is_free = isinstance(outcome, UpstreamUnreachable) or (
            request.idempotent and outcome.retryable
        )
        return 0.0 if is_free else None
    if request.idempotent:
        return _transient_error_delay(resolved, outcome)
    delay = _rate_limit_delay(resolved, outcome)
    return delay if delay is not None and max_wait and delay <= max_wait else None


def _transient_error_delay(resolved: ResolvedModel, response: ProviderResponse) -> float | None:
    """Return the seconds to wait before an idempotent request is sent again, or None for a permanent error."""
    if response.status not in _TRANSIENT_STATUSES:
        return None
    error = parsed_error(resolved.provider, response)
    if error.kind not in ("", "undetermined", *_NOT_STARTED_KINDS):
        return None
    return retry_after_of(error, response) or 0.0


def _rate_limit_delay(resolved: ResolvedModel, response: ProviderResponse) -> float | None:
    """Return the seconds to wait before a paid request is sent again, or None.

    A 503 without a known error kind allows no retry, because a server may have failed during the edit. OpenAI forbids a
    retry with the header x-should-retry.
    """
    is_forbidden = response.headers.get("x-should-retry", "").lower() == "false"
    if response.status not in _BUSY_STATUSES or is_forbidden:
        return None
    error = parsed_error(resolved.provider, response)
    if error.kind == "not_started":
        return retry_after_of(error, response) or 0.0
    is_rate_limited = error.kind == "rate_limited" or (not error.kind and response.status == 429)
    return retry_after_of(error, response) if is_rate_limited else None
