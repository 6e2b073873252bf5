"""Logs and metrics: one structured line and one metric blob a request. No pixels, prompts, keys or headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

EDIT = "edit"
_DIMENSIONS = ("provider", "model", "blame")


class Telemetry:
    """Powertools' logger and metrics, told about each request once."""

    def __init__(self) -> None:
        self.logger = Logger(service="retouch")
        self._metrics = Metrics(namespace="Retouch", service="edits")

    def follow(self, trace_id: str) -> None:
        """Every line from here on is about this trace, until the next request."""
        self.logger.append_keys(trace_id=trace_id)

    def record(
        self, operation: str, status: int, milliseconds: float, facts: Mapping[str, Any]
    ) -> None:
        """One finished request; `facts` are what the rooms say of it. Metrics are about edits only."""
        said = {"operation": operation, "status": status, "ms": round(milliseconds, 1), **facts}
        self.logger.info("request", extra=said)
        if operation == EDIT:
            self._count(status, milliseconds, facts)

    def fetched(self, line: Mapping[str, Any]) -> None:
        """What the guard decided about one fetch."""
        self.logger.info("fetch", extra=dict(line))

    def _count(self, status: int, milliseconds: float, facts: Mapping[str, Any]) -> None:
        for name in _DIMENSIONS:
            if facts.get(name):
                self._metrics.add_dimension(name, str(facts[name]))
        name = "EditErrors" if status >= 400 else "EditRequests"
        self._metrics.add_metric(name, MetricUnit.Count, 1)
        self._metrics.add_metric("EditLatency", MetricUnit.Milliseconds, milliseconds)
        self._metrics.flush_metrics()
