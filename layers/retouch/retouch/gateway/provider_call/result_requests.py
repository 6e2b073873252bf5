"""Requests for a result that is already paid for: polls of its task, and the download of its image.

They cost nothing, so a failure that may pass does not end them. Each is repeated until its response is whole or the
deadline comes: after a broken connection, after any error status, and after a success whose body is not the
provider's. Only these end it earlier:

- the provider's own word about the task, i.e. an error of a kind in FINAL_KINDS whose status is not a proxy's;
- a URL that the fetch policy refuses, or a file that it can never accept;
- the same kind of rejection many times in a row, e.g. of the key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from retouch.core.capabilities import ErrorKind
from retouch.core.clock import Clock, backoff_delay
from retouch.core.errors import (
    DeadlineExceeded,
    ResultNotFetched,
    UpstreamError,
    UpstreamUnreachable,
)
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import detect_format
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel
from retouch.gateway.provider_call.error_mapping import (
    MALFORMED_RESPONSE_ERRORS,
    parsed_error,
    retry_after_of,
    to_fault,
)
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats.structure import check_structure

FINAL_KINDS: tuple[ErrorKind, ...] = ("moderated", "refused", "failed")
# Error statuses that often pass: access to a new file, a file or task that is not found yet, limits.
_PASSING_STATUSES = (403, 404, 408, 409, 423, 425, 429)
# Statuses of proxies and of services that are down. Their words are about the service and not about the task.
_PROXY_STATUSES = (502, 503, 504, *range(520, 531), 598, 599)
_DAMAGED_IMAGE_CODES = ("image_truncated", "image_parse_error")

# "rejected": an error status that rarely passes. "damaged": an image that is cut short or broken.
FailureKind = Literal["failed", "rejected", "damaged"]
_MAX_IN_A_ROW: dict[FailureKind, int] = {"rejected": 8, "damaged": 3}

_BACKOFF_SECONDS = 1.0  # at most before the second attempt, doubled each time
_MAX_DOUBLINGS = 3  # so a pause is at most 4 s, plus what the provider asks for
_MIN_PAUSE_SECONDS = 0.25
_MAX_DEMANDED_SECONDS = 60.0  # a longer Retry-After is meant for new edits
_MIN_ATTEMPT_SECONDS = 1.0  # with less time left, no further attempt is made
# A request that hangs must not use up the time of all further attempts.
_MAX_POLL_SECONDS = 60.0
_ENOUGH_ATTEMPT_SECONDS = 10.0


@frozen_dataclass
class TransientFailure:
    """An attempt that brought no whole response, though another one may."""

    reason: str  # what happened, for the caller
    kind: FailureKind = "failed"
    status: int | None = None
    retry_after: float = 0.0  # seconds
    damaged: ProviderResponse | None = None  # the image, if its kind is "damaged"


@frozen_dataclass
class ResultRequests:
    """A sender of requests for a paid result. Call it with a request."""

    # (request, deadline) -> response
    send: Callable[[ProviderRequest, float], ProviderResponse]
    resolved: ResolvedModel
    clock: Clock
    deadline: float  # on the clock's scale

    def __call__(self, request: ProviderRequest) -> ProviderResponse:
        """Return the first whole response. An image that stays damaged is returned as it is.

        Raises UpstreamError when there is none. It says what happened last. Raises another Fault for an error that is
        final.
        """
        attempt, in_a_row = 0, 0
        last: TransientFailure | None = None
        while True:
            outcome = self._attempt(request)
            if isinstance(outcome, ProviderResponse):
                return outcome
            attempt += 1
            in_a_row = in_a_row + 1 if last and last.kind == outcome.kind else 1
            last = outcome
            pause = self._pause(request, last, attempt)
            if pause is None or in_a_row == _MAX_IN_A_ROW.get(last.kind):
                return self._give_up(request, last)
            self.clock.sleep(pause)

    def _attempt(self, request: ProviderRequest) -> ProviderResponse | TransientFailure:
        try:
            response = self.send(request, self._attempt_deadline(request))
        except DeadlineExceeded as fault:
            if self.clock.now() >= self.deadline:
                raise
            return TransientFailure(str(fault))
        except UpstreamError as fault:
            if not (fault.retryable or isinstance(fault, UpstreamUnreachable)):
                raise
            return TransientFailure(str(fault))
        if not 200 <= response.status < 300:
            return self._read_error_status(response)
        return self._check_body(request, response) or response

    def _attempt_deadline(self, request: ProviderRequest) -> float:
        """Return the time at which one attempt ends: when half of the remaining time is over, or earlier for a poll."""
        now = self.clock.now()
        half = (self.deadline - now) / 2
        limit = half if request.is_download else min(half, _MAX_POLL_SECONDS)
        return min(self.deadline, now + max(limit, _ENOUGH_ATTEMPT_SECONDS))

    def _read_error_status(self, response: ProviderResponse) -> TransientFailure:
        """Return what an error status means. Raises Fault when it is the provider's word about the task."""
        error = parsed_error(self.resolved.provider, response)
        fault = to_fault(self.resolved, response, error)
        if error.kind in FINAL_KINDS and response.status not in _PROXY_STATUSES:
            raise fault
        # An adapter reads a 404 as an unknown model, but here the task or the file was not found.
        words = "" if error.kind == "no_such_model" or not error.message else f": {fault}"
        is_passing = response.status in _PASSING_STATUSES or response.status >= 500
        return TransientFailure(
            f"status {response.status}{words}",
            "failed" if is_passing else "rejected",
            response.status,
            retry_after_of(error, response) or 0.0,
        )

    def _check_body(
        self, request: ProviderRequest, response: ProviderResponse
    ) -> TransientFailure | None:
        """Return what is wrong with the body of a success, or None."""
        if request.is_download:
            return _check_image(response)
        try:
            if request.validate:
                request.validate(response)
        except MALFORMED_RESPONSE_ERRORS:
            return TransientFailure("a response of an unknown form", status=response.status)
        return None

    def _pause(
        self, request: ProviderRequest, failure: TransientFailure, attempt: int
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None when no time is left for one.

        The pause is never shorter than the interval of the polls. It is shortened so that a last attempt fits.
        """
        remaining = self.deadline - self.clock.now()
        backoff = backoff_delay(self.clock, _BACKOFF_SECONDS, min(attempt, _MAX_DOUBLINGS))
        wanted = min(failure.retry_after, _MAX_DEMANDED_SECONDS) + backoff
        pause = max(request.delay, _MIN_PAUSE_SECONDS, min(wanted, remaining / 2))
        return pause if remaining - pause >= _MIN_ATTEMPT_SECONDS else None

    def _give_up(self, request: ProviderRequest, last: TransientFailure) -> ProviderResponse:
        if last.damaged:
            return last.damaged
        step = "download" if request.is_download else "poll"
        fault = ResultNotFetched(
            f"{self.resolved.provider.title} accepted the edit, but its result could not be fetched. "
            f"The last {step} ended with: {last.reason}",
            code="result_not_fetched" if request.is_download else None,
        )
        raise fault.with_upstream_status(last.status) if last.status else fault


def _check_image(response: ProviderResponse) -> TransientFailure | None:
    """Return what is wrong with a downloaded image, or None. Files that are not text may be images of other formats."""
    image_format = detect_format(response.body)
    if image_format is None:
        is_text = b"\0" not in response.body[:1024]
        return (
            TransientFailure("a file that is not an image", status=response.status)
            if is_text
            else None
        )
    try:
        check_structure(response.body, image_format)
    except InvalidImage as error:
        if error.code in _DAMAGED_IMAGE_CODES:
            return TransientFailure("a damaged image", "damaged", response.status, damaged=response)
    return None
