"""Metrics in CloudWatch's embedded metric format: one JSON document for each request, on the standard output.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

_NAMESPACE = "Retouch"
_DISABLING_VALUES = ("1", "true", "yes", "on")


class Metric(NamedTuple):
    """One value, with its unit as CloudWatch names it."""

    name: str
    unit: str
    value: float


class MetricsWriter:
    """Writes the metrics of one service. POWERTOOLS_METRICS_DISABLED=true switches it off."""

    def __init__(self, service: str, environment: Mapping[str, str]) -> None:
        self._service = service
        switch = environment.get("POWERTOOLS_METRICS_DISABLED", "")
        self._is_enabled = switch.lower() not in _DISABLING_VALUES

    def write(
        self, metrics: Sequence[Metric], dimension_sets: Sequence[Mapping[str, str]] = ({},)
    ) -> None:
        """Write the metrics, counted once for each set of dimensions. Each set also has the service."""
        if not self._is_enabled:
            return
        directive = {
            "Namespace": _NAMESPACE,
            "Dimensions": [["service", *dimensions] for dimensions in dimension_sets],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit} for metric in metrics],
        }
        document = {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
            "service": self._service,
            **{name: value for dimensions in dimension_sets for name, value in dimensions.items()},
            **{metric.name: [float(metric.value)] for metric in metrics},
        }
        sys.stdout.write(orjson.dumps(document).decode() + "\n")
