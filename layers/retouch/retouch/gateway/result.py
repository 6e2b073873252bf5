"""The typed result of an edit. A transport (HTTP, event stream, direct invoke) renders it exactly once.

This module does not depend on a transport's JSON, headers or status lines. `retouch.api.response` renders them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any, ClassVar

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import Billed, Fault, worst_billing
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import Cost
from retouch.core.provider_protocol import ProviderJob
from retouch.core.usage import total_tokens
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.gateway.guardrails.report import STATUS_PASSED, GuardrailReport
from retouch.gateway.orders.edit_order import OrderReport
from retouch.gateway.results.delivery import DeliveredImage
from retouch.orders.job_creation import Reservation
from retouch.orders.order import StoredAnswer
from retouch.planning.plan import Plan
from retouch.tenants.limits import WorkspacePrice


@frozen_dataclass
class DeliveredEdit:
    """A finished edit. Every image is ready to be sent."""

    plan: Plan
    created: int  # Unix seconds
    images: tuple[DeliveredImage, ...]
    # background, output_format, quality, size and usage, as OpenAI names them
    metadata: Mapping[str, Any]
    notes: tuple[str, ...]  # from the plan and all later stages
    billed: Billed
    cost: Cost | None = None
    preserved_pixels: int | None = None  # the number of preserved pixels; None: not applicable
    url_expires_at: int | None = None  # Unix seconds; None: the images are base64


@frozen_dataclass
class EditPreview:
    """The outcome of a dry run: the planned calls and processing. The gateway called no provider."""

    plan: Plan
    jobs: tuple[ProviderJob, ...]
    reservation: Reservation | None = None  # of a job: what its budgets must have left

    billed: ClassVar[Billed] = "no"  # a dry run costs nothing


@frozen_dataclass
class StreamedImage:
    """One image of a stream: a preview with its index, or a finished image with its facts."""

    image: GeneratedImage
    partial_index: int | None = None  # counts from 0; None: the image is finished
    preserved_pixels: int | None = None
    cost: Cost | None = None
    notes: tuple[str, ...] = ()


@frozen_dataclass
class EditStream:
    """An edit whose images arrive one after another."""

    plan: Plan
    created: int  # Unix seconds
    events: Iterator[StreamedImage | None]  # None: nothing happened during one heartbeat interval
    billed: Billed  # the provider has accepted the edit


# A StoredAnswer is the answer of an equal request, byte for byte.
EditOutcome = DeliveredEdit | EditPreview | EditStream | StoredAnswer | Fault


@frozen_dataclass
class AttemptReport:
    """The facts about one attempt, successful or failed."""

    provider: str = ""  # empty: no provider was resolved
    model: str = ""  # the id of the serving model, without its provider
    cache_status: str = ""  # HIT, MISS or REFRESH; empty: the cache was not used
    upstream_request_ids: str = ""  # separated by ", "
    upstream_processing_ms: str = ""  # separated by ", "
    hooks: GuardrailReport = field(default_factory=GuardrailReport)
    budget: BudgetReport | None = None  # None: no budget applies
    own_price: WorkspacePrice | None = (
        None  # of a caller who sees only its price; None: it sees the cost
    )

    def shown_cost(self, cost: Cost | None, pictures: int) -> Cost | None:
        """Return the cost of pictures as the caller sees it: a workspace with its own price sees only that price."""
        if self.own_price is None or cost is None:
            return cost
        if self.budget:
            return Cost(self.budget.charge(cost, pictures), estimated=False)
        return Cost(self.own_price.apply_to(cost.micro_dollars, pictures), cost.estimated)


@frozen_dataclass
class AttemptResult:
    """The outcome of one attempt at one target."""

    outcome: EditOutcome
    report: AttemptReport = field(default_factory=AttemptReport)

    @property
    def fault(self) -> Fault | None:
        """The failure, or None when the attempt succeeded."""
        return self.outcome if isinstance(self.outcome, Fault) else None

    @property
    def code(self) -> str | None:
        """The error code, or None."""
        return self.outcome.code if isinstance(self.outcome, Fault) else None

    @property
    def status(self) -> int:
        """The HTTP status that describes the outcome."""
        return _outcome_status(self.outcome, self.report)

    def without_retry(self) -> AttemptResult:
        """Return the same result. A fault is not retried by the caller's SDK."""
        if isinstance(self.outcome, Fault):
            return replace(self, outcome=self.outcome.without_retry())
        return self

    def with_billing(self, billed: Billed) -> AttemptResult:
        """Return the same result. A fault gets this value of `billed`."""
        if isinstance(self.outcome, Fault):
            return replace(self, outcome=self.outcome.with_billing(billed))
        return self


@frozen_dataclass
class AttemptRecord:
    """One line of the list of attempts, for headers and the log."""

    path: str  # of the target, as "config.targets[1]"
    status: int
    code: str | None
    billed: Billed


@frozen_dataclass
class RoutingReport:
    """The path of routing to the outcome."""

    target_path: str
    retries: int  # 0: none; n: the n-th retry succeeded; -1: all retries failed
    attempts: tuple[AttemptRecord, ...]
    trace_id: str = ""
    traceparent: str = ""
    logs_notes: bool = True  # False: x-portkey-debug excludes notes from the log


@frozen_dataclass
class EditResult:
    """The outcome of an edit and all facts about it."""

    outcome: EditOutcome
    attempt: AttemptReport = field(default_factory=AttemptReport)
    routing: RoutingReport | None = None  # None: the request failed before a target was chosen
    order: OrderReport | None = None  # None: no repetition can find this request
    price: int | None = None  # micro-dollars that a workspace with its own price is charged

    @property
    def status(self) -> int:
        """The HTTP status that describes the outcome."""
        return _outcome_status(self.outcome, self.attempt)

    @property
    def billing(self) -> Billed:
        """The worst billing status of all attempts."""
        attempts = self.routing.attempts if self.routing else ()
        return worst_billing(one.billed for one in attempts) if attempts else self.outcome.billed

    @property
    def charge(self) -> int | None:
        """What the budgets are charged for a finished edit, in micro-dollars. None: what they hold."""
        budget, outcome = self.attempt.budget, self.outcome
        if budget is None or not isinstance(outcome, DeliveredEdit):
            return None
        return budget.charge(outcome.cost, len(outcome.images))

    @property
    def shown_cost(self) -> Cost | None:
        """The cost of a finished edit as the caller sees it, or None when it is not known."""
        if not isinstance(self.outcome, DeliveredEdit):
            return None
        if self.attempt.own_price is not None and self.price is not None:
            return Cost(self.price, estimated=False)
        return self.attempt.shown_cost(self.outcome.cost, len(self.outcome.images))

    @property
    def tokens(self) -> int:
        """The tokens that the provider has counted for a finished edit."""
        outcome = self.outcome
        return (
            total_tokens(outcome.metadata.get("usage")) if isinstance(outcome, DeliveredEdit) else 0
        )

    @property
    def remaining_budget(self) -> int | None:
        """What the smallest budget has left after the edit, in micro-dollars. None: no budget applies."""
        budget = self.attempt.budget
        if budget is None or budget.remaining is None:
            return None
        is_free = isinstance(self.outcome, Fault) and self.outcome.billed == "no"
        charge = 0 if is_free else budget.held if self.charge is None else self.charge
        return max(0, budget.remaining + budget.held - charge)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes for the caller. A fault has none, and a stored answer has them in its headers."""
        if isinstance(self.outcome, DeliveredEdit):
            return self.outcome.notes
        return self.outcome.plan.notes if isinstance(self.outcome, EditPreview | EditStream) else ()


def _outcome_status(outcome: EditOutcome, report: AttemptReport) -> int:
    if isinstance(outcome, Fault | StoredAnswer):
        return outcome.status
    return STATUS_PASSED if isinstance(outcome, EditPreview) else report.hooks.status
