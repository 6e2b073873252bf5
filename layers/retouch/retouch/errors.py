"""Every way a request can end badly. One class, one status, one blame, one public sentence.

    Fault                            500  our own bug; the text stays in the log
    +- InvalidRequest                400  the caller can mend it; `code` and `param` say where
    |  +- Unauthorized               401  no usable provider key
    |  +- ModelNotFound, NotFound    404
    |  +- MethodNotAllowed           405
    |  +- ModelRetired, Gone         410
    |  +- TooLarge                   413
    |  +- UnsupportedMedia           415
    +- Moderated                     400  the provider's safety system said no
    +- Refused                       4xx  the provider found fault with the request
    +- RateLimited                   429  later; `retry_after` says when
    |  +- OutOfQuota                 429  money, not speed: repeating cannot help
    +- Misconfigured                 500  the operator's key or endpoint is wrong
    +- BadUpstream                   502  the provider answered nonsense, an error, or no picture
    |  +- Unreachable                502  never connected: nothing was sent, so nothing was bought
    +- OutOfTime                     504  no answer within the deadline
    |  +- RequestTimeout             408  within the caller's own

Whoever catches a Fault needs no other knowledge: it carries whose fault it is (`blame`, what metrics
count), whether the caller's SDK may repeat the call (`retryable`) and whether money may have been spent
(`billed`: "yes", "no" or "unknown"). `retryable` may be left to the SDK's own rule with None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

Billed = Literal["yes", "no", "unknown"]
Blame = Literal["client", "provider", "gateway"]
_GRAVITY: tuple[Billed, ...] = ("no", "unknown", "yes")


def gravest(bills: Iterable[Billed]) -> Billed:
    """One word for several calls: what any of them may have cost, the order has."""
    return max(bills, key=_GRAVITY.index, default="no")


class Fault(Exception):
    """The root. `str(fault)` is the public sentence, safe to show to a caller."""

    status: int = 500
    type: ClassVar[str] = "server_error"
    code: str | None = "internal_error"
    blame: ClassVar[Blame] = "gateway"
    retryable: bool | None = None
    billed: Billed = "no"
    beside: Mapping[str, Any] = {}  # stands beside "error" in the body

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
    ) -> None:
        super().__init__(message)
        self.param = param
        self.upstream_status: int | None = None  # what the provider itself answered
        self.headers: Mapping[str, str] = {}  # what else is known of the way, for the answer
        self.facts: Mapping[str, Any] = {}  # and for the log and the metrics
        self.retry_after = retry_after
        self.details: Mapping[str, Any] = details or {}
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.billed = billed or type(self).billed

    @property
    def should_retry(self) -> bool | None:
        """What to tell the caller's SDK: never repeat an order whose outcome nobody knows."""
        return False if self.billed != "no" else self.retryable


class InvalidRequest(Fault):
    """The caller sent something that no repetition will make valid."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"
    blame = "client"
    retryable = False


class Unauthorized(InvalidRequest):
    """No provider key: neither in the request nor configured."""

    status = 401
    code = "invalid_api_key"


class NotFound(InvalidRequest):
    """No such route."""

    status = 404
    code = "not_found"


class ModelNotFound(InvalidRequest):
    """No provider serves the named model."""

    status = 404
    code = "model_not_found"


class Gone(InvalidRequest):
    """It was there, and its time is over."""

    status = 410
    code = "link_expired"


class MethodNotAllowed(InvalidRequest):
    """The route exists, the method does not; `allow` lists those that do."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: list[str]) -> None:
        super().__init__(message)
        self.allow = ", ".join(allow)


class ModelRetired(InvalidRequest):
    """The provider has shut the model down and strict mode forbids serving it by a successor."""

    status = 410
    code = "model_retired"


class TooLarge(InvalidRequest):
    """A body, part or picture over its limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMedia(InvalidRequest):
    """A content type, encoding or picture format that is not on the list."""

    status = 415
    code = "unsupported_media_type"


class Moderated(Fault):
    """The provider's safety system refused, perhaps only after a picture was made and charged for."""

    status = 400
    type = "image_generation_user_error"
    code = "moderation_blocked"
    blame = "client"
    retryable = False
    billed: Billed = "unknown"


class Refused(InvalidRequest):
    """The provider's own 4xx, in its words and with its code."""

    code = "provider_refused"


class RateLimited(Fault):
    """The provider asks for patience; nothing was started."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    blame = "provider"


class OutOfQuota(RateLimited):
    """The account has no money left: retrying only annoys."""

    type = "insufficient_quota"
    code = "insufficient_quota"
    retryable = False


class Misconfigured(Fault):
    """The gateway's own configuration is at fault; only the operator can mend it."""

    code = "provider_credentials"
    retryable = False


class NotStored(Fault):
    """The bucket did not take a result, and the way back is too narrow for it. It was made, and is lost."""

    status = 502
    code = "result_too_large"
    billed: Billed = "unknown"


class BadUpstream(Fault):
    """The provider broke its contract. A paid call may have happened, hence "unknown"."""

    status = 502
    code = "provider_error"
    blame = "provider"
    billed: Billed = "unknown"


class Unreachable(BadUpstream):
    """No connection was made, so not a byte of the order left the house."""

    code = "provider_unreachable"
    billed = "no"


class OutOfTime(Fault):
    """The deadline passed. "unknown" unless the call was never started."""

    status = 504
    code: str | None = "deadline_exceeded"
    blame = "provider"
    billed = "unknown"


class RequestTimeout(OutOfTime):
    """The caller's own patience is over (x-portkey-request-timeout, or a config's request_timeout)."""

    status = 408
    type = "timeout_error"
    code = None

    def __init__(self, seconds: float, billed: Billed) -> None:
        super().__init__(
            f"Request exceeded the timeout sent in the request: {seconds * 1000:.0f}ms",
            billed=billed,
        )
