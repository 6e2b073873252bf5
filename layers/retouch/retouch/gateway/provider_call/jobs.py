"""Runs the jobs of a plan: one conversation with the provider for each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack

from retouch.core.clock import Clock
from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import Fault, RejectedByProvider
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import (
    CompletedImage,
    PartialImage,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.resolved_model import ResolvedModel, SendRequest
from retouch.gateway.provider_call.conversation import Senders, run_conversation
from retouch.gateway.provider_call.incomplete_responses import accept_whole_body
from retouch.gateway.provider_call.parallel import FanoutResult, run_parallel
from retouch.gateway.provider_call.purchases import Purchases
from retouch.gateway.provider_call.result_requests import ResultRequests
from retouch.gateway.provider_call.retry_policy import add_retries

# the code of models that only move, filter and fill
NEEDS_GENERATIVE_MODEL = "unsupported_operation"
_MAX_SUGGESTED_MODELS = 4


@frozen_dataclass
class JobRunner:
    """Everything that the conversations of one attempt share."""

    resolved: ResolvedModel
    send: SendRequest
    clock: Clock
    deadline: float  # on the clock's scale: the function's
    client_deadline: float  # the same, the caller's
    max_retry_wait: float  # seconds
    suggest_models: Callable[[], Sequence[str]]  # ids of models that paint
    purchases: Purchases | None = None  # None: the request has no order

    @property
    def is_client_timeout(self) -> bool:
        """Whether a timeout is the caller's own choice, which says nothing about the provider."""
        return self.client_deadline < self.deadline

    def run_all(self, jobs: Sequence[ProviderJob]) -> FanoutResult:
        """Return all finished images. Several jobs run in parallel. Raises Fault when no image was made."""
        if len(jobs) == 1:
            return self._collect_images(jobs[0], 0)
        return run_parallel(list(jobs), self._collect_images)

    def run(self, job: ProviderJob, index: int) -> Iterator[PartialImage | CompletedImage]:
        """Run one conversation, number `index` of the attempt. Yield the images as they arrive. Raises Fault."""
        deadline = min(self.deadline, self.client_deadline)
        streams = ExitStack()
        send_request = self.purchases.wrap_send(self.send, index) if self.purchases else self.send

        def send(request: ProviderRequest, attempt_deadline: float) -> ProviderResponse:
            received = send_request(request, self.resolved, attempt_deadline)
            response = accept_whole_body(received, is_free=request.idempotent)
            if isinstance(response.chunks, Generator):
                streams.callback(response.chunks.close)
            return response

        senders = Senders(
            add_retries(
                lambda request: send(request, deadline),
                self.resolved,
                self.clock,
                deadline,
                self.max_retry_wait,
            ),
            ResultRequests(send, self.resolved, self.clock, deadline),
        )
        try:
            # A stream that is not read to its end is closed here. The garbage collector would close its parts in any
            # order, and a dead connection could be handed to the next edit.
            with streams:
                yield from run_conversation(self.resolved, job, senders, self.clock, deadline)
        except RejectedByProvider as fault:
            raise self._add_suggestions(fault) from None
        except Fault as fault:
            if self.purchases:
                self.purchases.note_failure(fault, index)
            raise

    def _collect_images(self, job: ProviderJob, index: int) -> FanoutResult:
        """Return the finished images of one conversation, and the error that ended it after the first of them."""
        images: list[GeneratedImage] = []
        try:
            images.extend(
                step.image for step in self.run(job, index) if isinstance(step, CompletedImage)
            )
        except Fault as fault:
            if not images:
                raise
            return FanoutResult(images, (fault,))
        return FanoutResult(images)

    def _add_suggestions(self, fault: RejectedByProvider) -> RejectedByProvider:
        if fault.code != NEEDS_GENERATIVE_MODEL:
            return fault
        models = ", ".join(self.suggest_models()[:_MAX_SUGGESTED_MODELS])
        return RejectedByProvider(
            f"{fault} Models that paint: {models}.",
            param=fault.param,
            code=fault.code,
            billed=fault.billed,
        )
