"""Tests of metrics documents: Powertools' own metrics are the reference."""

import json

import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from retouch.infrastructure.telemetry.embedded_metrics import Metric, MetricsWriter

EDIT = [Metric("EditRequests", "Count", 1), Metric("EditLatency", "Milliseconds", 12.5)]


def written_document(capsys):
    document = json.loads(capsys.readouterr().out)
    assert document["_aws"].pop("Timestamp") > 1_700_000_000_000
    return document


@pytest.mark.parametrize(
    "dimension_sets",
    [
        [{}],
        [{"blame": "caller"}],
        [{}, {"provider": "openai"}],
        [{"blame": "provider"}, {"blame": "provider", "provider": "openai"}],
    ],
)
def test_document_equals_the_document_of_powertools(dimension_sets, capsys):
    MetricsWriter("edits", {}).write(EDIT, dimension_sets)
    ours = written_document(capsys)
    reference = EphemeralMetrics(namespace="Retouch", service="edits")
    first, *others = dimension_sets
    for name, value in first.items():
        reference.add_dimension(name, value)
    for dimensions in others:
        reference.add_dimensions(service="edits", **dimensions)
    for metric in EDIT:
        unit = {"Count": MetricUnit.Count, "Milliseconds": MetricUnit.Milliseconds}[metric.unit]
        reference.add_metric(metric.name, unit, metric.value)
    reference.flush_metrics()
    theirs = written_document(capsys)
    for document in (ours, theirs):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        directive["Dimensions"] = [sorted(names) for names in directive["Dimensions"]]
    assert ours == theirs


@pytest.mark.parametrize("value", ["true", "1", "TRUE", "yes"])
def test_metrics_can_be_disabled(value, capsys):
    MetricsWriter("edits", {"POWERTOOLS_METRICS_DISABLED": value}).write(EDIT)
    assert capsys.readouterr().out == ""
