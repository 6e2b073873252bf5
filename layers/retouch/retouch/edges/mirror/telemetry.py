"""What the mirror says of itself: one line and one metric blob an order. Of a URL it names the host, no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from retouch.mirror.item import Item, host


class MirrorTelemetry:
    """Powertools' logger and metrics, told about each order once."""

    def __init__(self) -> None:
        self.logger = Logger(service="retouch")
        self._metrics = Metrics(namespace="Retouch", service="mirror")

    def record(self, way: str, milliseconds: float, items: Sequence[Item]) -> None:
        """One finished order and how it came in."""
        counted = Counter[str](item.status for item in items)
        trouble = [
            {"host": host(item.source_url), "code": item.error.code, "reason": item.reason}
            for item in items
            if item.error
        ]
        said: dict[str, Any] = {"operation": "mirror", "way": way, "ms": round(milliseconds, 1)}
        self.logger.info("mirror", extra={**said, **counted, "trouble": trouble})
        stored = [item.bytes or 0 for item in items if item.status == "stored"]
        self._metrics.add_metric("MirrorObjects", MetricUnit.Count, len(stored))
        self._metrics.add_metric("MirrorBytes", MetricUnit.Bytes, sum(stored))
        self._metrics.add_metric("MirrorFailures", MetricUnit.Count, len(trouble))
        self._metrics.flush_metrics()

    def waits(self, seconds: float) -> None:
        """The age that what is left of an order will have when it is handed out; the queue only knows the message's."""
        self._metrics.add_metric("MirrorOrderAge", MetricUnit.Seconds, seconds)
        self._metrics.flush_metrics()

    def fetched(self, line: Mapping[str, Any]) -> None:
        """One fetch, as the fetcher tells it: hosts, address, verdict."""
        self.logger.info("fetch", extra=dict(line))

    def refused(self, way: str, facts: Mapping[str, Any]) -> None:
        """An order that was none, or whose sender is unknown."""
        self.logger.info("mirror", extra={"operation": "mirror", "way": way, **facts})
