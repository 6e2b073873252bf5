"""An attempt at a target: the values that the stages in `retouch.gateway.target_stages` pass from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import field

from retouch.core.clock import Clock
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.edit_types import EditRequest, GeneratedImage
from retouch.core.errors import Billed, DeadlineExceeded, Fault, RequestTimeout
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderJob
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway.cache import CacheEntry
from retouch.gateway.guardrails.types import GuardrailClients, GuardrailInput, Guardrails
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.gateway.result import (
    AttemptResult,
    DeliveredEdit,
)
from retouch.gateway.results.decoded_original import DecodedOriginal, Original
from retouch.gateway.results.postprocess import ProcessedEdit
from retouch.gateway.results.result_images import explain_unreadable
from retouch.gateway.results.result_links import ResultLinks
from retouch.gateway.routing.payer import Payer
from retouch.gateway.routing.tree import Target
from retouch.gateway.services import RequestContext
from retouch.gateway.time_budget import TimeBudget
from retouch.planning.plan import Plan


@frozen_dataclass
class TargetRequest:
    """One target of a request, with everything that the gateway needs before the attempt."""

    target: Target
    request: EditRequest  # with the target's model and override_params
    credentials: ClientCredentials  # as the provider of this target may see them
    guardrails: Guardrails
    cache_partition: str
    model: ResolvedModel | None  # connected unless there is a `fault`; None: no such model
    fault: Fault | None = None  # the reason why the target cannot be tried
    payer: Payer = Payer()


@frozen_dataclass
class Attempt:
    """One attempt at one target."""

    context: RequestContext
    settings: Settings  # with the secrets
    target: TargetRequest
    clients: GuardrailClients
    client_timeout: float  # seconds that the caller or the config allows for an attempt
    client_deadline: float  # the same time as a value of the clock
    log: AttemptLog

    def time_budget(self, clock: Clock) -> TimeBudget:
        """Return the time for all work on this attempt."""
        return TimeBudget(clock, self.context.deadline)

    @property
    def max_retry_wait(self) -> float:
        """The longest Retry-After to wait for, in seconds. 0: the gateway itself does not repeat a paid call.

        The retries of a config replace the gateway's own, and so do the retries of an SDK: they would multiply.
        """
        has_other_retries = self.target.target.retry.attempts or self.context.has_retrying_client
        return 0.0 if has_other_retries else self.settings.max_retry_wait

    def build_failure(self, fault: Fault) -> AttemptResult:
        """Return the result of a failed attempt. A deadline that the caller set becomes a RequestTimeout."""
        if isinstance(fault, DeadlineExceeded) and self.client_deadline <= self.context.deadline:
            fault = RequestTimeout(self.client_timeout, fault.billed)
        return AttemptResult(fault, self.log.report())


@frozen_dataclass
class CheckedAttempt:
    """An attempt whose request passed the guardrails."""

    attempt: Attempt
    guardrail_input: GuardrailInput


@frozen_dataclass
class PlannedAttempt:
    """An attempt with its plan."""

    checked: CheckedAttempt
    plan: Plan
    cache_key: str = ""  # the key under which the result is saved; empty: not saved

    @property
    def attempt(self) -> Attempt:
        """The attempt."""
        return self.checked.attempt


@frozen_dataclass
class PreparedAttempt:
    """A planned attempt whose image files are ready to be sent."""

    planned: PlannedAttempt
    jobs: tuple[ProviderJob, ...]
    # The image whose pixels will be restored, in sRGB. None: there is none, or it is decoded again.
    original: Original | None = field(default=None, repr=False)


@frozen_dataclass
class GeneratedImages:
    """The images from the provider or the cache."""

    planned: PlannedAttempt
    images: Sequence[GeneratedImage]
    billed: Billed
    notes: tuple[str, ...] = ()
    cached: CacheEntry | None = None
    original: DecodedOriginal | None = None

    def explain_errors(self) -> AbstractContextManager[None]:
        """Add the model, the remedy and the billing to an error about an unreadable image."""
        return explain_unreadable(self.planned.plan.resolved, self.images, self.billed)


@frozen_dataclass
class CheckedImages:
    """Images that passed the guardrails."""

    generated: GeneratedImages
    # Those that the guardrails could read, if there are any guardrails.
    images: Sequence[GeneratedImage]
    notes: tuple[str, ...] = ()


@frozen_dataclass
class FinishedImages:
    """Images in the geometry and format that the plan requires."""

    generated: GeneratedImages
    result: ProcessedEdit
    links: ResultLinks  # what makes the links of the images


@frozen_dataclass
class DeliveredImages:
    """Images as base64 or links."""

    finished: FinishedImages
    edit: DeliveredEdit
