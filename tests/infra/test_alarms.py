"""Tests that each alarm rings when the code emits its fault, read from its printed metrics.

The code runs with its real telemetry. The tests read the metrics that it prints, and evaluate the alarms of the
template with them. Lambda, API Gateway and SQS emit the metrics of the namespaces AWS/*.
For those, the tests check what the services count: a failed invocation, and the messages of a queue.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from retouch.api.handlers import edits_queue, webhooks_queue
from retouch.api.handlers.edits import build_handler
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.infrastructure.lambda_runtime.loop import serve_invocation
from retouch.infrastructure.lambda_runtime.runtime_api import (
    RuntimeApiConnection,
    RuntimeApiResponse,
)
from retouch.infrastructure.stores.event_ports import event_ports
from retouch.infrastructure.telemetry.telemetry import SweeperTelemetry
from tests.support import mirror
from tests.support.cloudwatch import (
    Datum,
    emitted_metrics,
    is_alarm_raised,
)
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import telemetry
from tests.support.jobs import message_event
from tests.support.mirror import build_mirror
from tests.support.services import build_services
from tests.support.telemetry_edits import (
    DIRECT_EVENT,
    FIELDS,
    IMAGE_RESPONSE,
    PROVIDER_ENV,
    fail,
    gateway_fault_after_planning,
    services_with_defect,
)
from tests.support.upstream import Upstream, json_response


@pytest.fixture
def alarm(resources):
    """Return a function that returns the properties of an alarm."""
    return lambda name: resources[name]["Properties"]


def gateway_fault_without_key_table(edit):
    services = replace(
        build_services({"RETOUCH_AUTH_MODE": "keys"}, keys={}), read_secrets=lambda: {}
    )
    event = form_event(FIELDS, {"Authorization": "Bearer rt_" + "A" * 43})
    return edit(event=event, services=services)


def unexpected_error_after_planning(edit):
    return edit(services=replace(build_services(PROVIDER_ENV), send=fail))


def gateway_fault_of_invented_deployment(edit):
    env = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com"}
    fields = {**FIELDS, "model": "azure-openai/invented-deployment"}
    return edit(fields, services=services_with_defect(**env))


def gateway_fault_in_event_stream(edit):
    return edit({**FIELDS, "stream": "true"}, services=services_with_defect())


def gateway_fault_after_first_space(edit):
    env = {"RETOUCH_SILENCE_SECONDS": "0.1"}
    return edit(services=services_with_defect(**env))


def gateway_fault_of_direct_invoke(edit):
    return edit(event=DIRECT_EVENT, services=services_with_defect())


GATEWAY_FAULTS = [
    gateway_fault_without_key_table,
    gateway_fault_after_planning,
    unexpected_error_after_planning,
    gateway_fault_of_invented_deployment,
    gateway_fault_in_event_stream,
    gateway_fault_after_first_space,
    gateway_fault_of_direct_invoke,
]


@pytest.mark.parametrize("by_model", [False, True], ids=["", "by_model"])
@pytest.mark.parametrize("provoke", GATEWAY_FAULTS, ids=lambda provoke: provoke.__name__)
def test_gateway_faults_alarm_rings_for_each_fault_of_the_gateway(provoke, by_model, alarm, edit):
    printed = provoke(lambda *a, **k: edit(*a, **k, by_model=by_model))
    assert is_alarm_raised(alarm("GatewayFaultsAlarm"), emitted_metrics(printed))


@pytest.mark.parametrize(
    ("response", "blame"),
    [
        (json_response({"error": {"message": "no", "code": "moderation_blocked"}}, 400), "client"),
        (json_response({"error": {"message": "down"}}, 500), "provider"),
        (IMAGE_RESPONSE, None),
    ],
    ids=["client", "provider", "success"],
)
def test_gateway_faults_alarm_is_silent_for_faults_of_others(response, blame, alarm, edit):
    with Upstream(response) as upstream:
        printed = edit(env={**PROVIDER_ENV, "OPENAI_BASE_URL": f"{upstream.url}/v1"})
    data = emitted_metrics(printed)
    assert {dict(d.dimensions).get("blame") for d in data} == {blame}
    assert not is_alarm_raised(alarm("GatewayFaultsAlarm"), data)


@pytest.mark.parametrize(
    "fields",
    [{**FIELDS, "model": "nobody/nothing"}, {"prompt": "p"}, {**FIELDS, "strength": "1"}],
    ids=["unknown_model", "no_image", "unknown_parameter"],
)
def test_gateway_faults_alarm_is_silent_for_invalid_requests(fields, alarm, edit):
    data = emitted_metrics(edit(fields))
    assert data
    assert not is_alarm_raised(alarm("GatewayFaultsAlarm"), data)


class RecordingRuntimeApi:
    """The Runtime API with one event. It records the path of the response or of the error report."""

    def __init__(self, event):
        self._event = event
        self.posted_paths = []

    def get(self, path):
        headers = {"lambda-runtime-aws-request-id": "1", "lambda-runtime-deadline-ms": "9" * 13}
        return RuntimeApiResponse(200, headers, json.dumps(self._event).encode())

    def post(self, path, headers, body):
        self.posted_paths.append(path)

    def close(self):
        raise AssertionError("the loop lost its connection")


def invocation_errors(function, event, handler):
    """Return what Lambda counts as AWS/Lambda Errors: 1 if the invocation reported an error, else 0."""
    api = RecordingRuntimeApi(event)
    serve_invocation(cast(RuntimeApiConnection, api), handler)
    (path,) = api.posted_paths
    value = 1 if path.endswith("/error") else 0
    return [Datum("AWS/Lambda", "Errors", frozenset({("FunctionName", function)}), value)]


def test_function_errors_alarm_rings_when_the_edits_handler_raises(alarm):
    crashing = build_handler(build_services(), fail, telemetry())
    data = invocation_errors("EditsFunction", DIRECT_EVENT, crashing)
    assert is_alarm_raised(alarm("FunctionErrorsAlarm"), data)


def test_function_errors_alarm_is_silent_for_a_refused_edit(alarm):
    handler = build_handler(build_services(), lambda: None, telemetry())
    data = invocation_errors("EditsFunction", {**DIRECT_EVENT, "model": "nobody/x"}, handler)
    assert not is_alarm_raised(alarm("FunctionErrorsAlarm"), data)


def test_worker_errors_alarm_rings_for_an_event_that_is_no_message(alarm):
    handler = edits_queue.build_handler(build_services(), lambda: None, telemetry())
    data = invocation_errors("WorkerFunction", {"hello": "worker"}, handler)
    assert is_alarm_raised(alarm("WorkerErrorsAlarm"), data)
    assert not is_alarm_raised(alarm("FunctionErrorsAlarm"), data)


def test_webhooks_errors_alarm_rings_for_an_event_that_is_no_message(alarm):
    handler = webhooks_queue.build_handler(cast(Any, None), SystemClock(), Settings, print)
    data = invocation_errors("WebhooksFunction", {"hello": "webhooks"}, handler)
    assert is_alarm_raised(alarm("WebhooksErrorsAlarm"), data)
    assert not is_alarm_raised(alarm("FunctionErrorsAlarm"), data)


def test_mirror_errors_alarm_rings_for_an_event_that_the_mirror_cannot_process(alarm, aws):
    event = {"hello": "mirror"}
    data = invocation_errors("MirrorFunction", event, build_mirror(aws).handler)
    assert is_alarm_raised(alarm("MirrorErrorsAlarm"), data)
    assert not is_alarm_raised(alarm("FunctionErrorsAlarm"), data)


def test_throttles_alarm_rings_when_lambda_refuses_an_edit(alarm):
    throttles = Datum("AWS/Lambda", "Throttles", frozenset({("FunctionName", "EditsFunction")}), 1)
    assert is_alarm_raised(alarm("FunctionThrottlesAlarm"), [throttles])


def queue_metric(aws, url, name, queue, value=None):
    """Return the metric that SQS emits for a queue: `value`, or the number of its visible messages."""
    if value is None:
        attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        value = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    return [Datum("AWS/SQS", name, frozenset({("QueueName", queue)}), value)]


def run_mirror_batch(aws, message):
    """Send a message to the mirror's queue, let the mirror process it, and delete it as Lambda does."""
    aws.send_message(message)
    event = aws.receive_batch()
    response = build_mirror(aws).handler(event, lambda_context())
    aws.delete_processed(event, response)


def test_dead_letters_alarm_rings_for_a_message_that_is_no_request(alarm, aws):
    def dead_letters():
        name = "ApproximateNumberOfMessagesVisible"
        return queue_metric(aws, aws.dead, name, "MirrorDeadLetters")

    assert not is_alarm_raised(alarm("MirrorDeadLettersAlarm"), dead_letters())
    run_mirror_batch(aws, {"link": "https://x.example/"})
    assert is_alarm_raised(alarm("MirrorDeadLettersAlarm"), dead_letters())


def test_event_dead_letters_alarm_rings_for_a_message_that_nobody_can_read(alarm, aws):
    def dead_letters():
        name = "ApproximateNumberOfMessagesVisible"
        return queue_metric(aws, aws.dead, name, "EventsDeadLetters")

    ports = event_ports({**os.environ, "RETOUCH_EVENTS_DEAD_LETTERS": aws.dead})
    handler = edits_queue.build_handler(build_services(), lambda: None, telemetry(), ports)
    assert not is_alarm_raised(alarm("EventsDeadLettersAlarm"), dead_letters())
    response = handler(message_event('{"hello": "worker"}'), lambda_context())
    assert response == {"batchItemFailures": []}
    assert is_alarm_raised(alarm("EventsDeadLettersAlarm"), dead_letters())


def test_mirror_late_alarm_rings_for_a_message_that_stays_in_the_queue(alarm, aws):
    aws.send_message({"url": "https://x.example/"})
    name = "ApproximateAgeOfOldestMessage"
    assert len(aws.receive_batch()["Records"]) == 1, "the message is in the queue"
    for age, rings in ((299, False), (300, True)):
        data = queue_metric(aws, aws.queue, name, "MirrorQueue", age)
        assert is_alarm_raised(alarm("MirrorLateAlarm"), data) is rings


@pytest.mark.parametrize(("age", "rings"), [(30, False), (300, True)])
def test_mirror_unfinished_alarm_rings_for_a_requeued_old_request(age, rings, alarm, aws, capsys):
    with mirror.ImageHost() as host:
        host.set_status("/a.png", 503)
        application = build_mirror(aws, host)
        aws.send_message({"url": f"{host.url}/a.png"})
        event = aws.receive_batch()
        (record,) = event["Records"]
        sent = int(record["attributes"]["SentTimestamp"]) - age * 1000
        record["attributes"]["SentTimestamp"] = str(sent)
        application.handler(event, lambda_context())
    data = emitted_metrics(capsys.readouterr().out)
    assert [d for d in data if d.name == "MirrorOrderAge"]
    assert is_alarm_raised(alarm("MirrorUnfinishedAlarm"), data) is rings


@pytest.mark.parametrize(
    ("counts", "rings"), [({"unknown": 1, "done": 2}, True), ({"done": 2}, False), ({}, False)]
)
def test_unknown_orders_alarm_rings_when_the_sweeper_settles_one(counts, rings, alarm, capsys):
    SweeperTelemetry({}).record_sweep(counts)
    data = emitted_metrics(capsys.readouterr().out)
    assert is_alarm_raised(alarm("OrdersUnknownAlarm"), data) is rings


def test_every_alarm_has_a_test_that_lets_it_ring(resources):
    names = {n for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    source = Path(__file__).read_text()
    assert [name for name in names if f'is_alarm_raised(alarm("{name}")' not in source] == []
