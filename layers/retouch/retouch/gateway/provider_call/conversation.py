"""The driver of one conversation between an adapter and its provider.

The driver does not open connections. It decides about no retry, but it knows whether the edit is already paid for, and
so which of two senders a request needs.
"""

from __future__ import annotations

from collections.abc import Generator

from retouch.core.capabilities import ProviderFailure
from retouch.core.clock import Clock
from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import DeadlineExceeded, Fault, UpstreamError
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import (
    CompletedImage,
    Conversation,
    ConversationStep,
    PartialImage,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.resolved_model import ResolvedModel
from retouch.core.text.event_stream import UTF8_BOM, is_event_stream
from retouch.core.usage import token_counts
from retouch.gateway.provider_call.error_mapping import (
    NO_IMAGE_REMEDY,
    fault_from_response,
    parsed_error,
    to_fault,
)
from retouch.gateway.provider_call.image_search import search_images
from retouch.gateway.provider_call.incomplete_responses import whole_images
from retouch.gateway.provider_call.retry_policy import SendToProvider

ImageStream = Generator[PartialImage | CompletedImage, None, None]
# A StopIteration inside a generator becomes a RuntimeError.
_MALFORMED_RESPONSE_ERRORS = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
)


class _NoImageFound(UpstreamError):
    """The adapter found no image in a success."""

    code = "no_image_returned"


@frozen_dataclass
class Senders:
    """The two ways to send a request of a conversation."""

    send: SendToProvider  # a request that may cost money, or that comes before the purchase
    # A free request for a result that is paid for. It returns only successful responses.
    fetch_result: SendToProvider


def run_conversation(
    resolved: ResolvedModel, job: ProviderJob, senders: Senders, clock: Clock, deadline: float
) -> ImageStream:
    """Run the adapter's generator and yield the images as they arrive. At least one of them is a CompletedImage.

    The conversation ends with the last image that the job asked for. Whatever the provider sends after it, e.g. an
    error, cannot take the images back. The adapter receives only responses with a success status, and starts no request
    after the deadline. The adapter need not handle a response of unknown form: this function searches it for images
    once it is paid for, and raises UpstreamError when it has none.
    """
    conversation = resolved.provider.edit_flow(job)
    response: ProviderResponse | None = None
    completed_count = 0
    paid_call_succeeded = False  # a paid request succeeded, so a later error may be billed
    try:
        while completed_count < job.n:
            step = _next_step(resolved, conversation, response)
            if isinstance(step, list):
                images = _require_images(resolved, step, completed_count)
                yield from map(CompletedImage, whole_images(images, response, job.n))
                return
            if isinstance(step, ProviderRequest):
                is_free_result = paid_call_succeeded and step.idempotent
                sender = senders.fetch_result if is_free_result else senders.send
                response = _send_request(resolved, step, sender, clock, deadline)
                paid_call_succeeded = paid_call_succeeded or not step.idempotent
            else:
                response = None
                completed_count += isinstance(step, CompletedImage)
                yield step
    except _NoImageFound as missing:
        is_paid_for = paid_call_succeeded and not completed_count
        images = _search_whole_body(response, job) if is_paid_for else []
        if not images:
            fault = _missing_image_fault(missing, resolved, response)
            raise _set_billing(fault, resolved, paid_call_succeeded, response) from None
        yield from map(CompletedImage, images)
    except ProviderFailure as failure:
        error = _failure_fault(failure, resolved, response)
        # The parsed error may state that a success without an image costs nothing.
        raise (
            error
            if failure.error.billed
            else _set_billing(error, resolved, paid_call_succeeded, response)
        ) from None
    except Fault as fault:
        raise _set_billing(fault, resolved, paid_call_succeeded, None) from None
    finally:
        conversation.close()


def _search_whole_body(response: ProviderResponse | None, job: ProviderJob) -> list[GeneratedImage]:
    """Return the images anywhere in a body. One that ended early may have previews without their result."""
    return search_images(response, job) if response and response.failure is None else []


def _set_billing(
    fault: Fault,
    resolved: ResolvedModel,
    paid_call_succeeded: bool,
    response: ProviderResponse | None,
) -> Fault:
    """Return the error with its billing. After a paid call it is "unknown", or "yes" if `response` reports usage."""
    if not paid_call_succeeded or not resolved.provider.is_paid:
        return fault
    if response and _reports_usage(response):
        return fault.with_billing("yes")
    return fault.with_billing("unknown") if fault.billed == "no" else fault


def _reports_usage(response: ProviderResponse) -> bool:
    """Return whether the response has token counts in OpenAI's form."""
    try:
        return token_counts(response.json()["usage"]) is not None
    except _MALFORMED_RESPONSE_ERRORS:
        return False


def _next_step(
    resolved: ResolvedModel, conversation: Conversation, response: ProviderResponse | None
) -> ConversationStep | list[GeneratedImage]:
    try:
        # A generator accepts None as its first value, and after a step that is not a request.
        step = conversation.send(response)  # type: ignore[arg-type]
        return _check_step(step)
    except StopIteration as stop:
        return list(stop.value or ())
    except _MALFORMED_RESPONSE_ERRORS as error:
        raise _NoImageFound(
            f"{resolved.provider.title} sent a response of an unknown form for {resolved.serving.id}. "
            f"{NO_IMAGE_REMEDY}",
            code=UpstreamError.code,
        ) from error


def _failure_fault(
    failure: ProviderFailure, resolved: ResolvedModel, response: ProviderResponse | None
) -> Fault:
    """Return the Fault for an error in a success. It is no outage, except for an error that breaks a stream."""
    fault = to_fault(resolved, response or ProviderResponse(200, {}), failure.error)
    return fault if response is None or response.chunks is not None else fault.without_outage()


def _missing_image_fault(
    missing: _NoImageFound, resolved: ResolvedModel, response: ProviderResponse | None
) -> Fault:
    """Return the Fault for a success without an image: the error that the provider reports in it, or `missing`.

    It is no outage when the body is JSON, because that is an answer.
    """
    if response is None:
        return missing
    if response.failure:
        return response.failure
    error = parsed_error(resolved.provider, response)
    fault = to_fault(resolved, response, error) if error.message else missing
    return fault.without_outage() if _is_json(response.body) else fault


def _is_json(body: bytes) -> bool:
    return is_event_stream(body) or body.removeprefix(UTF8_BOM).lstrip()[:1] in (b"{", b"[")


def _check_step(step: ConversationStep) -> ConversationStep:
    """Raise TypeError when the URL of a request is not text. It comes unchecked from the provider's JSON."""
    if isinstance(step, ProviderRequest) and not isinstance(step.path, str):
        raise TypeError("the URL is not text")
    return step


def _send_request(
    resolved: ResolvedModel,
    request: ProviderRequest,
    send: SendToProvider,
    clock: Clock,
    deadline: float,
) -> ProviderResponse:
    if clock.now() + request.delay >= deadline:
        # This request costs nothing. An earlier one may have been paid for.
        raise DeadlineExceeded(f"{resolved.provider.title} did not finish in time.", billed="no")
    if request.delay:
        clock.sleep(request.delay)
    response = send(request)
    if not 200 <= response.status < 300:
        raise fault_from_response(resolved, response)
    return response


def _require_images(
    resolved: ResolvedModel, images: list[GeneratedImage], completed_count: int
) -> list[GeneratedImage]:
    """Return the images. Raises UpstreamError when the whole conversation completed none."""
    if not images and not completed_count:
        raise _NoImageFound(
            f"{resolved.provider.title} sent a response without an image for {resolved.serving.id}. {NO_IMAGE_REMEDY}"
        )
    return images
