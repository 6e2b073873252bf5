"""Logs and metrics of both functions: one log line and one metrics document per request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from retouch.infrastructure.telemetry.embedded_metrics import Metric, MetricsWriter
from retouch.infrastructure.telemetry.json_log import configure_logger
from retouch.infrastructure.telemetry.metric_dimensions import EditDimensions
from retouch.mirror.result import MirrorResult, url_host

_LOGGER_NAME = "retouch"
_MIRROR_SERVICE = "mirror"
EDIT_OPERATION = "edit"
_EDIT_SERVICE = "edits"


class MirrorTelemetry:
    """The log and the metrics of the mirror. Each request is recorded once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.logger, self._formatter = configure_logger(_LOGGER_NAME, environment)
        self._metrics = MetricsWriter(_MIRROR_SERVICE, environment)

    def set_caller(self, log_fields: Mapping[str, str]) -> None:
        """Add the caller's key and workspace to every log line, until the next request."""
        self._formatter.context = dict(log_fields)

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
        self._metrics.write(
            [
                Metric("MirrorObjects", "Count", len(stored)),
                Metric("MirrorBytes", "Bytes", sum(stored)),
                Metric("MirrorFailures", "Count", len(errors)),
            ],
        )

    def record_request_age(self, seconds: float) -> None:
        """Record the age that the rest of a request will have at its delivery.

        The queue knows only the age of the message.
        """
        self._metrics.write([Metric("MirrorOrderAge", "Seconds", seconds)])

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log one fetch: hosts, address, verdict."""
        self.logger.info("fetch", extra=dict(fields))

    def log_refusal(self, source: str, log_fields: Mapping[str, Any]) -> None:
        """Log a request that is invalid or not authenticated."""
        self.logger.info("mirror", extra={"operation": "mirror", "way": source, **log_fields})


class SweeperTelemetry:
    """The log and the metrics of the sweeper."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.logger, _ = configure_logger(_LOGGER_NAME, environment)
        self._metrics = MetricsWriter("sweeper", environment)

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log one fetch."""
        self.logger.info("fetch", extra=dict(fields))

    def record_sweep(self, counts: Mapping[str, int]) -> None:
        """Record the number of orders by their new state. The metric of unknown orders has no zeros."""
        self.logger.info("sweep", extra={"operation": "sweep", "orders": dict(counts)})
        if counts.get("unknown"):
            self._metrics.write([Metric("OrdersUnknown", "Count", counts["unknown"])])


class WebhookTelemetry:
    """The log and the metrics of the function that sends webhooks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.logger, _ = configure_logger(_LOGGER_NAME, environment)
        self._metrics = MetricsWriter("webhooks", environment)

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log one attempt: host, status, reason."""
        self.logger.info("fetch", extra=dict(fields))

    def record_disabled(self, reason: str) -> None:
        """Count an endpoint that was disabled. The metric has no zeros."""
        self.logger.info("disabled", extra={"operation": "webhooks", "reason": reason})
        self._metrics.write([Metric("WebhookEndpointsDisabled", "Count", 1)])


class EditTelemetry:
    """The log and the metrics of edits. Each request is recorded once."""

    def __init__(self, dimensions: EditDimensions, environment: Mapping[str, str]) -> None:
        self.logger, self._formatter = configure_logger(_LOGGER_NAME, environment)
        self._metrics = MetricsWriter(_EDIT_SERVICE, environment)
        self._dimensions = dimensions

    def set_trace_id(self, trace_id: str) -> None:
        """Add the trace id to every log line, until the next request, which has no key yet."""
        self._formatter.context = {"trace_id": trace_id, "key": ""}

    def set_caller(self, log_fields: Mapping[str, str]) -> None:
        """Add the caller's key and workspace to every log line, until the next request."""
        self._formatter.context.update(log_fields)

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
            self._write_metrics(status, milliseconds, log_fields)

    def log_fetch(self, fields: Mapping[str, Any]) -> None:
        """Log the outcome of one fetch."""
        self.logger.info("fetch", extra=dict(fields))

    def _write_metrics(
        self, status: int, milliseconds: float, log_fields: Mapping[str, Any]
    ) -> None:
        metrics = (
            [Metric("EditErrors", "Count", 1)]
            if status >= 400
            else [
                Metric("EditRequests", "Count", 1),
                Metric("EditLatency", "Milliseconds", milliseconds),
            ]
        )
        self._metrics.write(metrics, self._dimensions.dimension_sets(log_fields))
