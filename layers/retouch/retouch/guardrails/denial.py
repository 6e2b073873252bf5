"""The answer to a request that a guardrail does not let through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from retouch.errors import Billed, InvalidRequest

STATUS_DENIED = 446
STATUS_FAILED = 246  # a hook without `deny` failed: the edit is answered, with this status
Results = Sequence[Mapping[str, Any]]


class HooksFailed(InvalidRequest):
    """A hook with `deny` failed. Portkey's status and type; https://portkey.ai/docs/product/guardrails."""

    status = STATUS_DENIED
    type = "hooks_failed"
    code = None  # type: ignore[assignment]  # Portkey's code is null

    def __init__(self, before: Results, after: Results = (), *, billed: Billed = "no") -> None:
        """The reports' results; `billed` is the edit's own word where its pictures are denied."""
        super().__init__(_sentence([*before, *after]), billed=billed)
        self.beside = hook_results(before, after)  # stands beside "error" in the body


def hook_results(before: Results, after: Results = ()) -> dict[str, Any]:
    """What is added to a body, beside "error" or "data"."""
    return {
        "hook_results": {
            "before_request_hooks": list(before),
            "after_request_hooks": list(after),
        }
    }


def _sentence(results: Results) -> str:
    failed = [hook for hook in results if hook["deny"] and not hook["verdict"]]
    checks = [check for hook in failed for check in hook["checks"] if not check["verdict"]]
    names = ", ".join(repr(hook["id"]) for hook in failed)
    reasons = " ".join(check["data"]["explanation"] for check in checks)
    return f"The guardrail {names} does not let this edit through. {reasons}"
