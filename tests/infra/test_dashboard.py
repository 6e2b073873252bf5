"""Tests that each widget of the dashboard, and each dimension, is what the code emits."""

import json
import re

import pytest

from tests.support.cloudwatch import (
    emitted_metrics,
    has_metric,
    json_lines,
    widget_metrics,
)
from tests.support.telemetry_edits import (
    FIELDS,
    IMAGE_RESPONSE,
    PROVIDER_ENV,
    gateway_fault_after_planning,
    services_with_defect,
)
from tests.support.upstream import Upstream, json_response

# The metrics of AWS that the template reads, with their dimensions.
AWS_METRICS = {
    ("AWS/Lambda", "Invocations"): {"FunctionName"},
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/Lambda", "ConcurrentExecutions"): {"FunctionName"},
    ("AWS/ApiGateway", "Count"): {"ApiName", "Stage"},
    ("AWS/ApiGateway", "4XXError"): {"ApiName", "Stage"},
    ("AWS/ApiGateway", "5XXError"): {"ApiName", "Stage"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
}


def test_alarms_and_widgets_read_aws_metrics_with_their_dimensions(resources, widgets):
    alarms = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    read = [(a["Namespace"], a["MetricName"], {d["Name"] for d in a["Dimensions"]}) for a in alarms]
    read += [
        (namespace, name, set(dimensions))
        for w in widgets
        for namespace, name, dimensions in read_metrics(w)
    ]
    aws_metrics = [(metric[:2], metric[2]) for metric in read if metric[0].startswith("AWS/")]
    assert aws_metrics
    for name, dimensions in aws_metrics:
        assert AWS_METRICS[name] == dimensions


@pytest.fixture
def widgets(resources):
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return [
        {"type": w["type"], **w["properties"]}
        for w in json.loads(body.replace("${AWS::Region}", "r"))["widgets"]
    ]


def read_metrics(widget):
    return widget_metrics(widget) if widget["type"] == "metric" else []


@pytest.fixture
def printed_text(edit):
    """Return the text that edits with each outcome print."""
    printed = [edit(services=services_with_defect()), edit({"prompt": "p"})]
    refusal = json_response({"error": {"message": "down"}}, 500)
    for response in (IMAGE_RESPONSE, refusal):
        with Upstream(response) as upstream:
            printed.append(edit(env={**PROVIDER_ENV, "OPENAI_BASE_URL": f"{upstream.url}/v1"}))
    return "".join(printed)


def test_every_metric_of_the_dashboard_is_emitted(widgets, printed_text):
    data = emitted_metrics(printed_text)
    own = [m for w in widgets for m in read_metrics(w) if not m[0].startswith("AWS/")]
    assert len(own) >= 5
    assert [metric for metric in own if not has_metric(metric, data)] == []


_QUERY_WORDS = set("filter or and ispresent stats count sum pct as by sort desc limit".split())  # noqa: SIM905


def test_log_widgets_read_fields_that_log_lines_have(widgets, printed_text):
    known = {name for line in json_lines(printed_text) for name in line}
    queries = [w["query"] for w in widgets if w["type"] == "log"]
    assert len(queries) == 2
    for query in queries:
        without_texts = re.sub(r"'[^']*'|@timestamp", "", query)
        words = set(re.findall(r"[a-z_]\w*", without_texts)) - _QUERY_WORDS
        results = set(re.findall(r" as (\w+)", query))
        assert words - results <= known, query


def test_log_widget_filters_match_log_lines(widgets, printed_text):
    lines = json_lines(printed_text)
    assert any(line.get("blame") == "gateway" for line in lines)
    assert any(line.get("operation") == "edit" and line.get("model") for line in lines)


def test_model_is_no_dimension_by_default(edit):
    data = emitted_metrics(gateway_fault_after_planning(edit))
    assert {frozenset(d.dimension_names) for d in data} == {
        frozenset({"service", "blame"}),
        frozenset({"service", "blame", "provider"}),
    }


def test_model_is_a_dimension_when_the_operator_wants_it(edit):
    data = emitted_metrics(edit(services=services_with_defect(), by_model=True))
    assert {("provider", "openai"), ("model", "gpt-image-2")} <= max(
        (d.dimensions for d in data), key=len
    )


def test_invented_deployment_names_count_as_one_model(edit):
    env = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    data = [
        datum
        for number in range(3)
        for datum in emitted_metrics(
            edit(
                {**FIELDS, "model": f"azure-openai/invented-{number}"},
                services=services_with_defect(**env),
                by_model=True,
            )
        )
    ]
    models = {dict(d.dimensions).get("model") for d in data}
    assert models == {None, "other"}
