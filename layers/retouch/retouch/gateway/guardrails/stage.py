"""The guardrails of one attempt: checks of the request before the call, and of the images after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.core.capabilities import Provider
from retouch.core.edit_types import EditRequest, EncodedImage, GeneratedImage
from retouch.core.errors import Billed, InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import StringParam
from retouch.gateway.guardrails.image_checks import is_blank
from retouch.gateway.guardrails.report import GuardrailReport
from retouch.gateway.guardrails.runner import HooksFailed, run_hooks
from retouch.gateway.guardrails.types import (
    GuardrailClients,
    GuardrailInput,
    Guardrails,
    ImageMetadata,
)
from retouch.gateway.results.result_images import (
    OpenedResult,
    convert_to_provider_fault,
    open_result,
    open_results,
)
from retouch.gateway.time_budget import TimeBudget
from retouch.imaging.codec import decode


@frozen_dataclass
class CheckedResults:
    """The images that the hooks have seen, and the report. Notes name the images that could not be read."""

    report: GuardrailReport
    images: Sequence[GeneratedImage]
    notes: tuple[str, ...] = ()


def check_streaming(guardrails: Guardrails, request: EditRequest) -> None:
    """Raise InvalidRequest when hooks that need whole images are combined with a stream."""
    if guardrails.after and request.stream:
        raise InvalidRequest(
            "Guardrails that look at results need them whole, so they cannot be streamed. Leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )


def describe_request(
    guardrails: Guardrails,
    request: EditRequest,
    metadata: Mapping[str, str],
    providers: Sequence[Provider],
) -> GuardrailInput:
    """Return what the checks look at. The capabilities of `providers` say which parameters are free text."""
    has_hooks = bool(guardrails.before or guardrails.after)
    return GuardrailInput(
        request.prompt,
        _free_text_params(request.params, providers) if has_hooks else (),
        tuple(ImageMetadata(image.format, *image.size) for image in request.images),
        request.mask.coverage if request.mask else None,
        metadata,
        request.params,
    )


def check_request(
    guardrails: Guardrails,
    guardrail_input: GuardrailInput,
    clients: GuardrailClients,
    is_strict: bool,
) -> GuardrailReport:
    """Run the hooks that look at the request."""
    return GuardrailReport(
        run_hooks(guardrails.before, guardrail_input, clients), is_strict=is_strict
    )


def check_images(
    guardrails: Guardrails,
    guardrail_input: GuardrailInput,
    generated_images: Sequence[GeneratedImage],
    clients: GuardrailClients,
    report: GuardrailReport,
    time: TimeBudget,
    reserved_seconds: float,
) -> CheckedResults:
    """Run the hooks that look at the images. An image that they cannot read is left out.

    `reserved_seconds` is the time of `time` that the rest of the edit needs. Raises UnreadableResult when no image can
    be read.
    """
    if not guardrails.after:
        return CheckedResults(report, generated_images)
    # The metadata of the readable images, in order.
    outputs: list[ImageMetadata] = []

    def open_described(image: GeneratedImage) -> OpenedResult:
        opened = open_result(image)
        outputs.append(_image_metadata(opened.file, guardrails.needs_pixels, time))
        return opened

    opened = open_results(generated_images, open_described)
    limited_clients = replace(clients, deadline=time.deadline, reserved_seconds=reserved_seconds)
    after = run_hooks(
        guardrails.after, replace(guardrail_input, outputs=tuple(outputs)), limited_clients
    )
    images = [one.image for one in opened.images]
    return CheckedResults(replace(report, after=after), images, opened.notes)


def require_permission(report: GuardrailReport, billed: Billed) -> None:
    """Raise HooksFailed when a hook denies the edit. `billed` says whether the edit was paid for before."""
    if report.before.denied or report.after.denied:
        raise HooksFailed(report.before.results, report.after.results, billed=billed)


def _image_metadata(image: EncodedImage, needs_pixels: bool, time: TimeBudget) -> ImageMetadata:
    blank = None
    if needs_pixels and time.remaining():
        with convert_to_provider_fault():
            blank = is_blank(decode(image))
    return ImageMetadata(image.format, *image.size, blank)


def _free_text_params(params: Mapping[str, Any], providers: Sequence[Provider]) -> tuple[str, ...]:
    """Return the parameters that some model takes as free text: that provider reads them."""
    models = [model for p in providers for model in (*p.models, p.deployment_template) if model]
    names = {
        name
        for model in models
        for name, spec in model.params.items()
        if isinstance(spec, StringParam)
    }
    return tuple(text for name, text in params.items() if name in names and isinstance(text, str))
