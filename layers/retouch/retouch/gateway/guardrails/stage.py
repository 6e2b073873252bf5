"""Guardrails around an attempt: judged before anything is bought, and again on what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from retouch.core.capabilities import Provider
from retouch.core.errors import Billed, InvalidRequest
from retouch.core.http import HttpResponse
from retouch.core.models import EditRequest, EncodedImage, GeneratedImage
from retouch.core.parameters import StringParam
from retouch.core.portkey import PortkeyHeaders
from retouch.gateway.guardrails.config import read_guardrails
from retouch.gateway.guardrails.image_checks import is_blank
from retouch.gateway.guardrails.model import (
    GuardrailClients,
    GuardrailInput,
    Guardrails,
    HookPhase,
    HookReport,
    ImageMetadata,
)
from retouch.gateway.guardrails.runner import STATUS_FAILED, HooksFailed, hook_results, run_hooks
from retouch.gateway.postprocess import inspect_result
from retouch.imaging.codec import decode


@dataclass(frozen=True, slots=True)
class GuardrailRun:
    """The hooks of a target, and what they found before the call."""

    guardrails: Guardrails
    clients: GuardrailClients
    guardrail_input: GuardrailInput
    strict: bool  # nothing in the answer that OpenAI's has not, unless a hook failed
    before_report: HookReport
    after_report: HookReport = field(default_factory=HookReport)

    def check_results(self, generated_images: Sequence[GeneratedImage], paid: bool) -> GuardrailRun:
        """The guard, having seen the pictures. HooksFailed, with the edit's own bill, where one is denied."""
        if not self.guardrails.after:
            return self
        images = [inspect_result(generated_image) for generated_image in generated_images]
        outputs = tuple(self._image_facts(image) for image in images)
        report = run_hooks(
            self.guardrails.after, replace(self.guardrail_input, outputs=outputs), self.clients
        )
        if report.denied:
            raise _denied_error(self.before_report, report, "yes" if paid else "no")
        return replace(self, after_report=report)

    @property
    def has_passed(self) -> bool:
        """Whether no hook has failed."""
        return self.before_report.passed and self.after_report.passed

    @property
    def extra_body(self) -> dict[str, Any]:
        """What was found: where a hook failed, or where the caller takes more than OpenAI's."""
        before, after = self.before_report.results, self.after_report.results
        if not (before or after) or (self.has_passed and self.strict):
            return {}
        return hook_results(before, after)

    def annotate(self, response: HttpResponse) -> HttpResponse:
        """The answer with its status and what was found. A stream has that in its events."""
        body, log_fields = response.body, response.log_fields
        if self.extra_body and isinstance(body, bytes):
            body = orjson.dumps({**orjson.loads(body), **self.extra_body})
        log_fields = {**log_fields, **_hook_log_fields(self.before_report, self.after_report)}
        status = response.status if self.has_passed else STATUS_FAILED
        return replace(response, body=body, status=status, log_fields=log_fields)

    def _image_facts(self, image: EncodedImage) -> ImageMetadata:
        blank = is_blank(decode(image)) if self.guardrails.needs_pixels else None
        return ImageMetadata(image.format, *image.size, blank)


def check_request(
    request: EditRequest,
    hooks: Mapping[str, Any],
    portkey: PortkeyHeaders,
    clients: GuardrailClients,
    providers: Sequence[Provider],
) -> GuardrailRun:
    """The guard of a wish that may go on. HooksFailed where it may not, InvalidConfig for hooks nobody can read.

    The cards of `providers` say which parameters are free text.
    """
    default_hooks = {f"default_{name}": hook for name, hook in portkey.hooks.items()}
    guardrails = read_guardrails({**default_hooks, **hooks})
    if guardrails.after and request.stream:
        raise InvalidRequest(
            "Guardrails that look at results need them whole, so they cannot be streamed. Leave 'stream' out.",
            param="stream",
            code="unsupported_parameter",
        )
    images = tuple(ImageMetadata(image.format, *image.size) for image in request.images)
    coverage = request.mask.coverage if request.mask else None
    texts = (
        _free_text_params(request.params, providers)
        if guardrails.before or guardrails.after
        else ()
    )
    guardrail_input = GuardrailInput(
        request.prompt, texts, images, coverage, portkey.metadata, request.params
    )
    before = run_hooks(guardrails.before, guardrail_input, clients)
    if before.denied:
        raise _denied_error(before, HookReport(), "no")
    return GuardrailRun(guardrails, clients, guardrail_input, portkey.strict, before)


def _free_text_params(params: Mapping[str, Any], providers: Sequence[Provider]) -> tuple[str, ...]:
    """The parameters that are free text on somebody's card: whoever takes them, gets them to read."""
    models = [model for p in providers for model in (*p.models, p.deployment_template) if model]
    free_text_names = {
        n for model in models for n, spec in model.params.items() if isinstance(spec, StringParam)
    }
    return tuple(
        text for n, text in params.items() if n in free_text_names and isinstance(text, str)
    )


def _denied_error(before: HookReport, after: HookReport, billed: Billed) -> HooksFailed:
    error = HooksFailed(before.results, after.results, billed=billed)
    error.log_fields = _hook_log_fields(before, after)
    return error


def _hook_log_fields(before: HookReport, after: HookReport) -> dict[str, Any]:
    """What the log says of the hooks."""
    hooks = [*_hook_log_entries("before", before), *_hook_log_entries("after", after)]
    return {"hooks": hooks} if hooks else {}


def _hook_log_entries(when: HookPhase, report: HookReport) -> Iterator[dict[str, Any]]:
    """For the log: what only observed, and what failed. Names alone, since what was found may repeat the prompt."""
    failed = [hook for hook in report.results if not hook["verdict"]]
    for hook in (*report.async_results, *failed):
        checks = hook["checks"]
        yield {
            "when": when,
            "id": hook["id"],
            "async": hook["async"],
            "verdict": hook["verdict"],
            "failed": [check["id"] for check in checks if not check["verdict"]],
            "errored": [check["id"] for check in checks if check["error"]],
            "ms": hook["execution_time"],
        }
