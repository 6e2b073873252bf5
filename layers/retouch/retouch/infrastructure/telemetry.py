"""Logs and metrics of both functions: one log line and one metrics document per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from retouch.infrastructure.metric_dimensions import EditDimensions
from retouch.mirror.result import MirrorResult, url_host


class MirrorTelemetry:
    """Powertools' logger and metrics. Each request is recorded once."""

    def __init__(self) -> None:
        self.logger = Logger(service="retouch")
        self._metrics = Metrics(namespace="Retouch", service="mirror")

    def set_key_name(self, key_name: str) -> None:
        """Add the name of the caller's gateway key to every log line, until the next request."""
        self.logger.append_keys(key=key_name)

    def record_request(
        self, source: str, milliseconds: float, results: Sequence[MirrorResult]
    ) -> None:
        """Record one finished request and its event source."""
        status_counts = Counter[str](result.status for result in results)
        errors = [
            {
                "host": url_host(result.source_url),
                "code": result.error.code,
                "reason": result.reason,
            }
            for result in results
            if result.error
        ]
        fields: dict[str, Any] = {
            "operation": "mirror",
            "way": source,
            "ms": round(milliseconds, 1),
        }
        self.logger.info("mirror", extra={**fields, **status_counts, "trouble": errors})
        stored = [result.bytes or 0 for result in results if result.status == "stored"]
        self._metrics.add_metric("MirrorObjects", MetricUnit.Count, len(stored))
        self._metrics.add_metric("MirrorBytes", MetricUnit.Bytes, sum(stored))
        self._metrics.add_metric("MirrorFailures", MetricUnit.Count, len(errors))
        self._metrics.flush_metrics()

    def record_request_age(self, seconds: float) -> None:
        """Record the age that the rest of a request will have at its delivery.

        The queue knows only the age of the message.
        """
        self._metrics.add_metric("MirrorOrderAge", MetricUnit.Seconds, seconds)
        self._metrics.flush_metrics()

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log one fetch: hosts, address, verdict."""
        self.logger.info("fetch", extra=dict(fields))

    def log_refusal(self, source: str, log_fields: Mapping[str, Any]) -> None:
        """Log a request that is invalid or not authenticated."""
        self.logger.info("mirror", extra={"operation": "mirror", "way": source, **log_fields})


EDIT_OPERATION = "edit"
_EDIT_SERVICE = "edits"


class Telemetry:
    """Powertools' logger and metrics. Each request is recorded once."""

    def __init__(self, dimensions: EditDimensions) -> None:
        self.logger = Logger(service="retouch")
        self._metrics = Metrics(namespace="Retouch", service=_EDIT_SERVICE)
        self._dimensions = dimensions

    def set_trace_id(self, trace_id: str) -> None:
        """Add the trace id to every log line, until the next request, which has no key yet."""
        self.logger.append_keys(trace_id=trace_id, key="")

    def set_key_name(self, key_name: str) -> None:
        """Add the name of the caller's gateway key to every log line, until the next request."""
        self.logger.append_keys(key=key_name)

    def record_request(
        self, operation: str, status: int, milliseconds: float, log_fields: Mapping[str, Any]
    ) -> None:
        """Record one finished request. `log_fields` come from the stages of the request. Only edits have metrics."""
        fields = {
            "operation": operation,
            "status": status,
            "ms": round(milliseconds, 1),
            **log_fields,
        }
        self.logger.info("request", extra=fields)
        if operation == EDIT_OPERATION:
            self._emit_metrics(status, milliseconds, log_fields)

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log the outcome of one fetch."""
        self.logger.info("fetch", extra=dict(fields))

    def _emit_metrics(
        self, status: int, milliseconds: float, log_fields: Mapping[str, Any]
    ) -> None:
        first, *others = self._dimensions.dimension_sets(log_fields)
        for name, value in first.items():
            self._metrics.add_dimension(name, value)
        for dimension_set in others:
            self._metrics.add_dimensions(service=_EDIT_SERVICE, **dimension_set)
        if status >= 400:
            self._metrics.add_metric("EditErrors", MetricUnit.Count, 1)
        else:
            self._metrics.add_metric("EditRequests", MetricUnit.Count, 1)
            self._metrics.add_metric("EditLatency", MetricUnit.Milliseconds, milliseconds)
        self._metrics.flush_metrics()
