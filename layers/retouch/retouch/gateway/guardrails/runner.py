"""The runner of hooks. It runs the checks one after the other and reports the results in Portkey's format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from retouch.core.errors import Billed, InvalidRequest
from retouch.core.frozen_dataclass import replace
from retouch.gateway.guardrails.types import (
    Check,
    CheckError,
    CheckResult,
    FeedbackScore,
    GuardrailClients,
    GuardrailInput,
    Hook,
    HookReport,
)


def run_hooks(
    hooks: Sequence[Hook], guardrail_input: GuardrailInput, clients: GuardrailClients
) -> HookReport:
    """Run the hooks and return their report.

    Every check runs, so that one response names every violation. A check without a verdict fails, unless its
    parameters set `failOpen`.
    """
    all_results = [_run_hook(hook, guardrail_input, clients) for hook in hooks]
    results = [result for result in all_results if not result["async"]]
    failed = [result for result in results if not result["verdict"]]
    return HookReport(
        passed=not failed,
        denied=any(result["deny"] for result in failed),
        results=results,
        async_results=[result for result in all_results if result["async"]],
    )


def _run_hook(
    hook: Hook, guardrail_input: GuardrailInput, clients: GuardrailClients
) -> dict[str, Any]:
    created_at = datetime.fromtimestamp(clients.clock.unix_time(), UTC)
    started_at = clients.clock.now()
    hook_clients = clients.reserve_time(hook)
    check_results = [_run_check(check, guardrail_input, hook_clients) for check in hook.checks]
    passed = all(check["verdict"] for check in check_results)
    return {
        "verdict": passed,
        "id": hook.id,
        "transformed": False,
        "checks": check_results,
        "feedback": _feedback_document(hook.on_success if passed else hook.on_fail, check_results),
        "execution_time": _elapsed_ms(started_at, clients),
        "async": hook.is_async,
        "type": "guardrail",
        "created_at": created_at.isoformat().replace("+00:00", "Z"),
        "deny": hook.deny,
    }


def _run_check(
    check: Check, guardrail_input: GuardrailInput, clients: GuardrailClients
) -> dict[str, Any]:
    started_at = clients.clock.now()
    try:
        result = check.run(guardrail_input, clients)
        error = None
    except CheckError as check_error:
        result = CheckResult(check.fail_open, str(check_error))
        error = {"name": "Check error", "message": str(check_error)}
    return {
        "data": {"explanation": result.explanation, **result.data},
        "verdict": result.verdict,
        "id": check.id,
        "execution_time": _elapsed_ms(started_at, clients),
        "transformed": False,
        "error": error,
    }


def _feedback_document(
    feedback: FeedbackScore, check_results: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    passed = [check["id"] for check in check_results if check["verdict"] and not check["error"]]
    failed = [check["id"] for check in check_results if not check["verdict"] and not check["error"]]
    errored = [check["id"] for check in check_results if check["error"]]
    return {
        "value": feedback.value,
        "weight": feedback.weight,
        "metadata": {
            "successfulChecks": ", ".join(passed),
            "failedChecks": ", ".join(failed),
            "erroredChecks": ", ".join(errored),
        },
    }


def _elapsed_ms(started_at: float, clients: GuardrailClients) -> int:
    return round((clients.clock.now() - started_at) * 1000)


STATUS_DENIED = 446
STATUS_FAILED = 246  # the status of a successful edit when a hook without `deny` failed
HookResults = Sequence[Mapping[str, Any]]


class HooksFailed(InvalidRequest):
    """The error of a failed hook with `deny`. The status and the type are Portkey's.

    https://portkey.ai/docs/product/guardrails
    """

    status = STATUS_DENIED
    type = "hooks_failed"
    code = None  # type: ignore[assignment]  # Portkey's code is null

    def __init__(
        self, before: HookResults, after: HookResults = (), *, billed: Billed = "no"
    ) -> None:
        """Build the error from the hooks' results.

        `billed` says whether the edit was billed before its images were denied.
        """
        super().__init__(_denial_message([*before, *after]), billed=billed)
        self.extra_body = hook_results(before, after)  # the body carries it next to "error"


def hook_results(before: HookResults, after: HookResults = ()) -> dict[str, Any]:
    """Return the object that the body carries next to "error" or "data"."""
    return {
        "hook_results": {
            "before_request_hooks": list(before),
            "after_request_hooks": list(after),
        }
    }


def _denial_message(results: HookResults) -> str:
    denying_hooks = [hook for hook in results if hook["deny"] and not hook["verdict"]]
    failed_checks = [
        check for hook in denying_hooks for check in hook["checks"] if not check["verdict"]
    ]
    names = ", ".join(repr(hook["id"]) for hook in denying_hooks)
    reasons = " ".join(check["data"]["explanation"] for check in failed_checks)
    return f"The guardrail {names} denied this edit. {reasons}"


RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


def memoize_clients(clients: GuardrailClients) -> GuardrailClients:
    """Return clients for one request that send each distinct remote check once.

    A check that raised CheckError is not sent again either. The same error is raised again.
    """
    return replace(clients, webhook=_memoize(clients.webhook), bedrock=_memoize(clients.bedrock))


def _memoize(call: Callable[[RequestT], ResponseT]) -> Callable[[RequestT], ResponseT]:
    results: list[tuple[RequestT, ResponseT | CheckError]] = []  # short; requests are not hashable

    def memoized_call(request: RequestT) -> ResponseT:
        result = next(
            (result for earlier_request, result in results if earlier_request == request), None
        )
        if result is None:
            result = _call_or_error(call, request)
            results.append((request, result))
        if isinstance(result, CheckError):
            raise CheckError(str(result))
        return result

    return memoized_call


def _call_or_error(
    call: Callable[[RequestT], ResponseT], request: RequestT
) -> ResponseT | CheckError:
    try:
        return call(request)
    except CheckError as error:
        return error
