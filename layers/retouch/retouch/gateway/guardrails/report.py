"""The results of the hooks of an edit, before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.guardrails.runner import STATUS_FAILED, hook_results
from retouch.gateway.guardrails.types import HookPhase, HookReport

STATUS_PASSED = 200


@frozen_dataclass
class GuardrailReport:
    """The reports of the hooks before and after an edit."""

    before: HookReport = field(default_factory=HookReport)
    after: HookReport = field(default_factory=HookReport)
    # True: a response has no member that OpenAI's response does not have, unless a hook failed.
    is_strict: bool = True

    @property
    def has_passed(self) -> bool:
        """Whether no hook failed."""
        return self.before.passed and self.after.passed

    @property
    def status(self) -> int:
        """The HTTP status of a finished edit: 200, or Portkey's 246 when a hook failed without `deny`."""
        return STATUS_PASSED if self.has_passed else STATUS_FAILED

    @property
    def extra_body(self) -> dict[str, Any]:
        """The members that the body gets: when a hook failed, or when the caller takes more than OpenAI's."""
        before, after = self.before.results, self.after.results
        if not (before or after) or (self.has_passed and self.is_strict):
            return {}
        return hook_results(before, after)

    @property
    def log_fields(self) -> dict[str, Any]:
        """The hooks that only observe and the hooks that failed.

        Only names are logged, because the result of a check may contain the prompt.
        """
        hooks = [*_log_entries("before", self.before), *_log_entries("after", self.after)]
        return {"hooks": hooks} if hooks else {}


def _log_entries(phase: HookPhase, report: HookReport) -> Iterator[dict[str, Any]]:
    failed = [hook for hook in report.results if not hook["verdict"]]
    for hook in (*report.async_results, *failed):
        checks = hook["checks"]
        yield {
            "when": phase,
            "id": hook["id"],
            "async": hook["async"],
            "verdict": hook["verdict"],
            "failed": [check["id"] for check in checks if not check["verdict"]],
            "errored": [check["id"] for check in checks if check["error"]],
            "ms": hook["execution_time"],
        }
