"""Records what happens during one attempt, so that a failed attempt can report it too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel, SendRequest
from retouch.gateway.budgets.budget_report import BudgetReport
from retouch.gateway.guardrails.report import GuardrailReport
from retouch.gateway.result import AttemptReport
from retouch.planning.plan import Plan
from retouch.tenants.limits import WorkspacePrice

# The names of request ids: OpenAI and most others; Azure's API Management; AWS. Source: each provider's reference.
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-amzn-requestid")
_REQUEST_ID_PATTERN = re.compile(r"[!-~]{1,128}")
_MILLISECONDS_PATTERN = re.compile(r"[0-9]{1,9}")
_MAX_RESPONSES = 10  # images of one edit, and so paid calls


class AttemptLog:
    """The log of one attempt. Calls may run in parallel; each adds its response."""

    def __init__(
        self,
        now: Callable[[], float] = lambda: 0.0,
        own_price: WorkspacePrice | None = None,
    ) -> None:
        """`now` returns monotonic seconds. `own_price` is that of a caller who does not see the cost."""
        self.hooks = GuardrailReport()
        self.plan: Plan | None = None  # None: no provider was called
        self.budget: BudgetReport | None = None  # None: no budget applies
        # What the images that were made cost the tenant, in micro-dollars. None: it is not known.
        self.charge: int | None = None
        self._now, self._own_price = now, own_price
        self._first_request: float | None = None
        self._last_response = 0.0
        self._model: ResolvedModel | None = None
        self._cache_status = ""
        self._response_headers: list[Mapping[str, str]] = []

    def set_model(self, model: ResolvedModel) -> None:
        """Record which model is tried."""
        self._model = model

    def set_hooks(self, report: GuardrailReport) -> None:
        """Record the results of the guardrails."""
        self.hooks = report

    def set_cache_status(self, status: str) -> None:
        """Record the result of the cache lookup, in Portkey's word."""
        self._cache_status = status

    @property
    def provider_seconds(self) -> float:
        """The time from the first request to the last response."""
        return self._last_response - self._first_request if self._first_request is not None else 0.0

    def wrap_send(self, send: SendRequest, plan: Plan | None = None) -> SendRequest:
        """Return `send` that records the plan's calls and the responses to paid ones, not those to polls."""
        self.plan = plan

        def send_and_record(
            request: ProviderRequest, resolved: ResolvedModel, deadline: float
        ) -> ProviderResponse:
            if self._first_request is None:
                self._first_request = self._now()
            try:
                response = send(request, resolved, deadline)
            finally:
                self._last_response = self._now()
            if not request.idempotent:
                self._response_headers.append(_redact_headers(response.headers, resolved.key))
            return response

        return send_and_record

    def report(self) -> AttemptReport:
        """Return what is known so far."""
        model = self._model
        return AttemptReport(
            provider=model.provider.name if model else "",
            model=model.serving.id if model else "",
            cache_status=self._cache_status,
            upstream_request_ids=self._joined_values(_REQUEST_ID_PATTERN, *_REQUEST_ID_HEADERS),
            upstream_processing_ms=self._joined_values(
                _MILLISECONDS_PATTERN, "openai-processing-ms"
            ),
            hooks=self.hooks,
            budget=self.budget,
            own_price=self._own_price,
        )

    def _joined_values(self, pattern: re.Pattern[str], *names: str) -> str:
        """Return the first of the named headers of each response when it matches the pattern."""
        responses = self._response_headers[-_MAX_RESPONSES:]
        values = (next((one[name] for name in names if name in one), "") for one in responses)
        return ", ".join(value for value in values if pattern.fullmatch(value))


def _redact_headers(headers: Mapping[str, str], key: str | None) -> dict[str, str]:
    """Return the headers without those that contain the key."""
    return {name: value for name, value in headers.items() if not (key and key in value)}
