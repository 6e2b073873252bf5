"""Runs hooks over a subject, one check after the other, and writes down what they found in Portkey's form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from retouch.guardrails.model import (
    Check,
    CheckError,
    Feedback,
    Finding,
    Hook,
    Report,
    Subject,
    Tools,
)


def judge(hooks: Sequence[Hook], subject: Subject, tools: Tools) -> Report:
    """What the hooks say. Every check is run, so that one answer names everything there is to mend.

    A check that comes to no verdict has failed, unless its parameters say `failOpen`.
    """
    told = [_hook(hook, subject, tools) for hook in hooks]
    results = [result for result in told if not result["async"]]
    failed = [result for result in results if not result["verdict"]]
    return Report(
        passed=not failed,
        denied=any(result["deny"] for result in failed),
        results=results,
        observed=[result for result in told if result["async"]],
    )


def _hook(hook: Hook, subject: Subject, tools: Tools) -> dict[str, Any]:
    created = datetime.fromtimestamp(tools.clock.unix(), UTC)
    started = tools.clock.now()
    checks = [_check(check, subject, tools) for check in hook.checks]
    verdict = all(check["verdict"] for check in checks)
    return {
        "verdict": verdict,
        "id": hook.id,
        "transformed": False,
        "checks": checks,
        "feedback": _feedback(hook.on_success if verdict else hook.on_fail, checks),
        "execution_time": _milliseconds(started, tools),
        "async": hook.observes,
        "type": "guardrail",
        "created_at": created.isoformat().replace("+00:00", "Z"),
        "deny": hook.deny,
    }


def _check(check: Check, subject: Subject, tools: Tools) -> dict[str, Any]:
    started = tools.clock.now()
    try:
        found = check.test(subject, tools)
        error = None
    except CheckError as broken:
        found = Finding(check.fail_open, str(broken))
        error = {"name": "Check error", "message": str(broken)}
    return {
        "data": {"explanation": found.explanation, **found.data},
        "verdict": found.verdict,
        "id": check.id,
        "execution_time": _milliseconds(started, tools),
        "transformed": False,
        "error": error,
    }


def _feedback(feedback: Feedback, checks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    passed = [check["id"] for check in checks if check["verdict"] and not check["error"]]
    failed = [check["id"] for check in checks if not check["verdict"] and not check["error"]]
    errored = [check["id"] for check in checks if check["error"]]
    return {
        "value": feedback.value,
        "weight": feedback.weight,
        "metadata": {
            "successfulChecks": ", ".join(passed),
            "failedChecks": ", ".join(failed),
            "erroredChecks": ", ".join(errored),
        },
    }


def _milliseconds(started: float, tools: Tools) -> int:
    return round((tools.clock.now() - started) * 1000)
