"""The errors of budgets and rate limits. None of them costs anything."""

from __future__ import annotations

from collections.abc import Mapping

from retouch.core.errors import Fault, InvalidRequest


class BudgetExceeded(Fault):
    """The edit may cost more than is left of a budget. A retry cannot help before the next period."""

    status = 429
    type = "insufficient_quota"
    code = "budget_exceeded"
    blame = "client"
    retryable = False
    remaining: int | None = None  # micro-dollars; None: the budget counts tokens


class TooManyAtOnce(Fault):
    """Too many edits of the key, of its workspace or of the virtual key run at the same time."""

    status = 429
    type = "rate_limit_error"
    code = "concurrency_limit_exceeded"
    blame = "client"
    retryable = True


class RateExceeded(Fault):
    """The key, its workspace or the virtual key has sent more requests than its rate permits."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"
    blame = "client"
    retryable = True
    headers: Mapping[str, str] = {}  # about the limit


class PriceUnknown(InvalidRequest):
    """The model has no price, so that no budget can be kept."""

    code = "price_unknown"
