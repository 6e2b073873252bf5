"""Tests of the typed result of an edit: status and billing follow from the outcome and the attempts."""

from retouch.core.errors import RateLimited, UpstreamError
from retouch.gateway.guardrails.report import GuardrailReport
from retouch.gateway.guardrails.types import HookReport
from retouch.gateway.result import (
    AttemptRecord,
    AttemptReport,
    EditPreview,
    EditResult,
    EditStream,
    RoutingReport,
)
from tests.support.plans import build_plan

FAILED_HOOKS = AttemptReport(hooks=GuardrailReport(HookReport(passed=False)))


def edit_stream():
    return EditStream(build_plan(), 0, iter(()), "yes")


def test_fault_without_routing_gives_its_own_status_and_billing():
    result = EditResult(UpstreamError("broken"))
    assert (result.status, result.billing, result.notes) == (502, "unknown", ())


def test_billing_is_the_worst_of_all_attempts():
    attempts = (AttemptRecord("a", 502, None, "unknown"), AttemptRecord("b", 429, None, "no"))
    result = EditResult(RateLimited("later"), routing=RoutingReport("b", 0, attempts))
    assert (result.status, result.billing) == (429, "unknown")


def test_billing_without_attempts_is_that_of_the_outcome():
    result = EditResult(RateLimited("later"), routing=RoutingReport("config", 0, ()))
    assert result.billing == "no"


def test_failed_hook_changes_the_status_of_an_edit_and_not_of_a_dry_run():
    assert EditResult(edit_stream(), FAILED_HOOKS).status == 246
    preview = EditResult(EditPreview(build_plan(), ()), FAILED_HOOKS)
    assert (preview.status, preview.billing) == (200, "no")


def test_stream_is_billed_as_its_provider_says():
    assert EditResult(edit_stream()).billing == "yes"
