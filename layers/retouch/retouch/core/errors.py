"""The errors of the gateway. Each class has one HTTP status, one `blame` and one public message.

    Fault                            500  a bug in the gateway; the text appears only in the log
    +- InvalidRequest                400  the caller can fix the request; `code` and `param` say where
    |  +- Unauthorized               401  no usable provider key
    |  +- ModelNotFound, NotFound    404
    |  +- MethodNotAllowed           405
    |  +- ModelRetired, Gone         410
    |  +- TooLarge                   413
    |  +- UnsupportedMedia           415
    |  +- RejectedByProvider         4xx  the provider rejected the request
    |  +- IdempotencyKeyReused       422  the idempotency key belongs to another request
    |  +- JobConflict                409  the state of the job does not permit the request
    |  +- PolledTooOften             429  the state of a job is asked for too often
    |  +- WebhookConflict            409  the delivery of a webhook is still pending
    +- OrderInProgress               409  an equal request with the same idempotency key still runs
    +- OrderOutcomeUnknown           502  nobody knows whether the order was paid for, so it is not bought again
    +- OrdersUnavailable             503  the table of orders cannot be used, so nothing was bought
    +- UsageUnavailable              503  the table of usage cannot be used
    +- WebhooksUnavailable           503  the table or the queue of webhooks cannot be used
    +- BudgetUnavailable             503  the table of budgets cannot be used, so nothing was bought
    +- Moderated                     400  the provider's safety system rejected the request
    +- RateLimited                   429  too many requests; `retry_after` gives the seconds to wait
    |  +- OutOfQuota                 429  the account has no credit; a retry cannot help
    +- GatewayMisconfigured          500  the operator's key or endpoint is wrong
    +- NotStored                     502  the result is too large for the response and was not stored
    +- UpstreamError                 502  the provider sent an invalid response, an error, or no image
    |  +- UpstreamUnreachable        502  no connection, so nothing was sent and nothing was billed
    |  +- ResultNotFetched           502  the provider accepted the edit, but its result could not be fetched yet
    +- DeadlineExceeded              504  no response within the deadline
    |  +- RequestTimeout             408  no response within the timeout that the caller set

A Fault contains everything that its handler needs: who caused it (`blame`, which metrics count), whether the caller's
SDK may retry (`retryable`), and whether the edit may have been billed (`billed`: "yes", "no" or "unknown"). With
`retryable` None the SDK applies its own rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

Billed = Literal["yes", "no", "unknown"]
Blame = Literal["client", "provider", "gateway"]
_BILLING_SEVERITY: tuple[Billed, ...] = ("no", "unknown", "yes")


def worst_billing(billings: Iterable[Billed]) -> Billed:
    """Return the billing of several calls together: "yes" if any was billed, else "unknown" if any may have been."""
    return max(billings, key=_BILLING_SEVERITY.index, default="no")


class Fault(Exception):
    """The base class. `str(fault)` is the public message, which is safe to return to a caller."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str | None = "internal_error"
    blame: ClassVar[Blame] = "gateway"
    retryable: bool | None = None
    billed: Billed = "no"
    is_pending: ClassVar[bool] = False  # the provider may still work on the edit
    is_outage: bool = False  # the provider may be down, so the failure counts for its circuit
    # A repetition of the request finds the same order, so it buys nothing, whatever `billed` says about the order.
    is_repetition_free: bool = False
    extra_body: Mapping[str, Any] = {}  # top-level fields of the body in addition to "error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        billed: Billed | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.upstream_status: int | None = None  # the HTTP status of the provider's response
        self.retryable = type(self).retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.details: Mapping[str, Any] = details or {}
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.billed = billed or type(self).billed

    @property
    def gateway_code(self) -> str | None:
        """The gateway's own code. A provider's code may repeat a part of the request, so no record keeps it."""
        has_provider_code = (
            isinstance(self, RejectedByProvider | RateLimited) and self.upstream_status
        )
        return type(self).code if has_provider_code else self.code

    def with_billing(self, billed: Billed) -> Self:
        """Return a copy that says `billed`. A Fault is never changed, because several attempts may report it."""
        return self if billed == self.billed else self._copy(billed=billed)

    def with_upstream_status(self, status: int) -> Self:
        """Return a copy with the HTTP status of the provider's response."""
        return self._copy(upstream_status=status)

    def without_outage(self) -> Self:
        """Return a copy that says nothing about other edits, because this request may be the cause."""
        return self._copy(is_outage=False) if self.is_outage else self

    def with_free_repetition(self, note: str) -> Self:
        """Return a copy whose message also says the note, and that permits an SDK's retry."""
        return self.with_remedy(note)._copy(is_repetition_free=True)

    def with_remedy(self, sentence: str) -> Self:
        """Return a copy whose message also says the sentence."""
        other = self._copy()
        other.args = (f"{self} {sentence}",)
        return other

    def without_retry(self) -> Self:
        """Return a copy that the caller's SDK does not retry, because the gateway has done so."""
        return self._copy(retryable=False)

    def _copy(self, **changes: Any) -> Self:
        # Subclasses have constructors of their own, so the copy is made without one.
        other = type(self).__new__(type(self), *self.args)
        other.__dict__.update(self.__dict__, **changes)
        return other

    @property
    def should_retry(self) -> bool | None:
        """Whether the caller's SDK should retry. None: the SDK decides.

        It should never retry an edit that was or may have been billed, unless a repetition cannot buy it again.
        """
        if self.is_repetition_free:
            return True
        return False if self.billed != "no" else self.retryable


class InvalidRequest(Fault):
    """The request is invalid, so a retry cannot succeed."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"
    blame = "client"
    retryable = False


class Unauthorized(InvalidRequest):
    """There is no usable provider key in the request or in the settings."""

    status = 401
    code = "invalid_api_key"


class NotFound(InvalidRequest):
    """The route does not exist."""

    status = 404
    code = "not_found"


class ModelNotFound(InvalidRequest):
    """No provider serves the named model."""

    status = 404
    code = "model_not_found"


class Gone(InvalidRequest):
    """The resource existed, but it has expired."""

    status = 410
    code = "link_expired"


class MethodNotAllowed(InvalidRequest):
    """The route does not support the method. `allow` lists the supported methods."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: list[str]) -> None:
        super().__init__(message)
        self.allow = ", ".join(allow)


class ModelRetired(InvalidRequest):
    """The provider has shut the model down, and it has no successor or the operator rejects retired models."""

    status = 410
    code = "model_retired"


class TooLarge(InvalidRequest):
    """A body, a part or an image exceeds its size limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMedia(InvalidRequest):
    """The content type, the encoding or the image format is not supported."""

    status = 415
    code = "unsupported_media_type"


class Moderated(Fault):
    """The provider's safety system rejected the request, possibly after it made and billed an image."""

    status = 400
    type = "image_generation_user_error"
    code = "moderation_blocked"
    blame = "client"
    retryable = False
    billed: Billed = "unknown"


class IdempotencyKeyReused(InvalidRequest):
    """The idempotency key belongs to an order for another request."""

    status = 422
    code = "idempotency_key_reused"


class JobConflict(InvalidRequest):
    """The state of a job does not permit the request."""

    status = 409
    code = "already_sent"


class PolledTooOften(InvalidRequest):
    """The state of a job is asked for too often. The job is not affected."""

    status = 429
    type = "rate_limit_error"
    code = "polled_too_often"
    retryable = True


class WebhookConflict(InvalidRequest):
    """The delivery of a webhook is still pending."""

    status = 409
    code = "webhook_delivery_pending"


class OrderInProgress(Fault):
    """An equal request still works on the order. A repetition waits for its answer and buys nothing."""

    status = 409
    type = "invalid_request_error"
    code = "order_in_progress"
    blame = "client"
    billed = "unknown"
    is_repetition_free = True


class OrderOutcomeUnknown(Fault):
    """The holder of the order ended after the send mark and before the answer."""

    status = 502
    code = "order_outcome_unknown"
    billed = "unknown"


class OrdersUnavailable(Fault):
    """The table of orders cannot be used. Without it, a repetition could buy twice."""

    status = 503
    code = "orders_unavailable"
    retryable = True


class UsageUnavailable(Fault):
    """The table of usage cannot be used."""

    status = 503
    code = "usage_unavailable"
    retryable = True


class WebhooksUnavailable(Fault):
    """The table or the queue of webhooks cannot be used."""

    status = 503
    code = "webhooks_unavailable"
    retryable = True


class BudgetUnavailable(Fault):
    """The table of budgets cannot be used. Without it, an edit could cost more than its budget."""

    status = 503
    code = "budget_unavailable"
    retryable = True


class RejectedByProvider(InvalidRequest):
    """The provider rejected the request with a 4xx. The error has the provider's message and code."""

    code = "provider_refused"


class RateLimited(Fault):
    """The provider limits the request rate. It did not start the edit."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    blame = "provider"


class OutOfQuota(RateLimited):
    """The provider account has no credit left. A retry cannot help."""

    type = "insufficient_quota"
    code = "insufficient_quota"
    retryable = False


class GatewayMisconfigured(Fault):
    """The configuration of the gateway is wrong. Only the operator can fix it."""

    code = "provider_credentials"
    retryable = False


class NotStored(Fault):
    """The bucket did not accept a result. Without a link, the result may be too large for the response."""

    status = 502
    code = "result_too_large"
    billed: Billed = "unknown"


class UpstreamError(Fault):
    """The provider failed or broke its contract. It may have billed a call, so `billed` is "unknown"."""

    status = 502
    code = "provider_error"
    blame = "provider"
    billed: Billed = "unknown"
    is_outage = True


class DamagedResponse(UpstreamError):
    """The compressed data of a response has an error, so any byte of what was decoded may be wrong."""


class UpstreamUnreachable(UpstreamError):
    """No connection was made, so the gateway sent nothing to the provider."""

    code = "provider_unreachable"
    billed = "no"


class ResultNotFetched(UpstreamError):
    """The provider accepted the edit, but its result could not be fetched. A later request for it may succeed."""

    is_pending = True


class DeadlineExceeded(Fault):
    """The deadline passed. `billed` is "unknown" unless the call was never started."""

    is_pending = True
    status = 504
    code: str | None = "deadline_exceeded"
    blame = "provider"
    billed = "unknown"
    is_outage = True


class RequestTimeout(DeadlineExceeded):
    """The timeout of the request passed (x-portkey-request-timeout, or a config's request_timeout)."""

    status = 408
    type = "timeout_error"
    code = None

    def __init__(self, seconds: float, billed: Billed) -> None:
        super().__init__(
            f"Request exceeded the timeout sent in the request: {seconds * 1000:.0f}ms",
            billed=billed,
        )
