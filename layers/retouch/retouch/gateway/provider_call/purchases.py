"""The paid requests of one attempt, seen from the order: the send mark before them, and what continues them later.

A provider that makes an edit in the background answers the paid request with a job. That response is written to the
order before the first poll. When another request takes the order over, the conversation gets this response again
instead of a paid request, and so it polls the same job. No adapter knows about it.
"""

from __future__ import annotations

import threading
from dataclasses import field

from retouch.core.errors import Fault, OrderOutcomeUnknown
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel, SendRequest
from retouch.orders.held_order import HeldOrder
from retouch.orders.order import Submission

# A response with a job is small. A larger one has the image itself.
_MAX_SUBMISSION_BYTES = 8192


@frozen_dataclass
class Purchases:
    """The paid requests of one attempt at one target, whose conversations may run in parallel."""

    held: HeldOrder
    target: str  # the path of the target in the config
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _marks: list[bool] = field(default_factory=list)
    _submitted: set[int] = field(default_factory=set)  # the conversations whose job is in the order

    def wrap_send(self, send: SendRequest, job: int) -> SendRequest:
        """Return `send` for one conversation of the attempt."""
        recorded = list(self.held.submissions_of(self.target, job))
        unwritten: list[Submission] = []

        def send_for_order(
            request: ProviderRequest, resolved: ResolvedModel, deadline: float
        ) -> ProviderResponse:
            if not resolved.provider.is_paid:
                return send(request, resolved, deadline)
            if request.idempotent:
                while unwritten:
                    self.held.add_submission(unwritten.pop(0))
                    self._submitted.add(job)
                return send(request, resolved, deadline)
            if recorded:
                self.held.is_continued = True
                self._submitted.add(job)
                return _recorded_response(recorded.pop(0))
            self._mark_sent()
            response = send(request, resolved, deadline)
            if _is_submission(response):
                unwritten.append(self._submission(job, response, resolved))
            return response

        return send_for_order

    def note_failure(self, fault: Fault, job: int) -> None:
        """Remember that the provider may still have the result of a conversation that has failed."""
        if fault.is_pending and job in self._submitted:
            self.held.has_unfetched_job = True

    def _mark_sent(self) -> None:
        """Write the send mark once for the attempt. Raises OrderOutcomeUnknown in an attempt that only continues."""
        if self.held.is_resumed:
            raise OrderOutcomeUnknown(
                "An earlier try may have paid for this image, and its result is lost. It is not bought again."
            )
        with self._lock:
            if not self._marks:
                self.held.mark_sent(self.target)
                self._marks.append(True)

    def _submission(self, job: int, response: ProviderResponse, model: ResolvedModel) -> Submission:
        headers = {
            name: value
            for name, value in response.headers.items()
            if name != "set-cookie" and not (model.key and model.key in value)
        }
        return Submission(self.target, job, response.status, headers, response.body)


def _is_submission(response: ProviderResponse) -> bool:
    is_success = 200 <= response.status < 300
    return is_success and response.chunks is None and len(response.body) <= _MAX_SUBMISSION_BYTES


def _recorded_response(submission: Submission) -> ProviderResponse:
    return ProviderResponse(submission.status, submission.headers, submission.body)
