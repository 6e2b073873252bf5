"""Tests of requests that become jobs: the 202, the options of a job, and what is refused."""

import json

import pytest

from tests.support.events import form_event, json_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import box_mask, data_url, photo
from tests.support.jobs import ASYNC, FIELDS, IMAGE, JobGateway
from tests.support.services import build_services
from tests.support.upstream import Upstream


def test_edit_with_respond_async_is_a_queued_job(gateway):
    response = gateway.send()
    job = response.json
    assert response.status == 202
    assert (job["object"], job["status"], job["billed"]) == ("image.edit", "queued", "no")
    assert job["model"] == "openai/gpt-image-2"
    assert response.headers["location"] == job["urls"]["get"]
    assert response.headers["location"].endswith(f"/v1/images/edits/{job['id']}")
    assert response.headers["preference-applied"] == "respond-async"
    assert response.headers["retry-after"] == "5"
    assert gateway.queue.messages == [job["id"]]
    assert gateway.upstream.calls == []


@pytest.mark.parametrize("flag", ["true", "True", " TRUE ", "1", "yes"])
def test_background_true_in_a_form_is_a_job_too(gateway, flag):
    response = gateway.send({}, {**FIELDS, "background": flag})
    assert response.status == 202
    assert gateway.work()
    assert gateway.get(response.json["id"]).json["status"] == "completed"


@pytest.mark.parametrize(
    ("flag", "status"), [(True, 202), ("true", 202), (False, 200), ("false", 200), (1, 400)]
)
def test_background_in_json_is_a_boolean_or_its_word(gateway, flag, status):
    fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
    event = json_event({**fields, "background": flag})
    assert send_event(event, services=gateway.services).status == status


def test_background_word_stays_the_parameter_of_the_model(gateway):
    response = gateway.send({}, {**FIELDS, "background": "opaque"})
    assert response.status == 200
    assert gateway.upstream.calls[0].fields["background"] == "opaque"


@pytest.mark.parametrize("flag", ["false", "0", "no"])
def test_background_false_is_no_job_and_is_not_sent(gateway, flag):
    assert gateway.send({}, {**FIELDS, "background": flag}).status == 200
    assert "background" not in gateway.upstream.calls[0].fields


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "openai/no-such-model"},
        {"mask": file_part(box_mask(32, 64))},
        {"quality": "none"},
        {"n": "99"},
        {"image": file_part(b"no image")},
        {"model": "stability-ai/inpaint", "mask": file_part(box_mask(64, 64))},
    ],
    ids=["model", "mask", "value", "n", "image", "no provider key"],
)
def test_refused_request_gets_the_same_error_with_and_without_prefer(gateway, changes):
    fields = {**FIELDS, **changes}
    job, edit = gateway.send(fields=fields), gateway.send({}, fields)
    assert 400 <= job.status < 500
    assert (job.status, job.json) == (edit.status, edit.json)
    assert (gateway.orders.orders, gateway.queue.messages) == ({}, [])
    assert "preference-applied" not in job.headers


@pytest.mark.parametrize(
    ("changes", "param"),
    [({"stream": "true"}, "stream"), ({"response_format": "b64_json"}, "response_format")],
)
def test_option_that_a_job_does_not_have_is_refused_by_name(gateway, changes, param):
    response = gateway.send(fields={**FIELDS, **changes})
    assert (response.status, response.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-own"},
        {"api-key": "sk-own", "x-portkey-api-key": "sk-own"},
        {"x-portkey-config": json.dumps({"provider": "openai", "api_key": "sk-own"})},
        {
            "x-portkey-config": json.dumps(
                {
                    "targets": [{"provider": "openai", "api_key": "sk-own"}],
                    "strategy": {"mode": "fallback"},
                }
            )
        },
    ],
    ids=["authorization", "portkey", "config", "target"],
)
def test_job_with_a_key_of_the_caller_is_refused_and_stores_nothing(gateway, headers):
    response = gateway.send({**ASYNC, **headers})
    assert (response.status, response.json["error"]["code"]) == (400, "job_with_secret")
    assert "sk-own" not in json.dumps(response.json)
    assert (gateway.orders.orders, gateway.requests) == ({}, {})


def test_stored_request_has_no_key_of_the_gateway():
    with Upstream() as upstream:
        gateway = JobGateway(upstream, RETOUCH_AUTH_MODE="keys")
        gateway.send({**ASYNC, "Authorization": "Bearer rt_a", "Cookie": "secret=1"})
        (data,) = gateway.requests.values()
    assert b"rt_a" not in data
    assert b"secret" not in data


def test_gateway_without_a_queue_refuses_a_job_by_name():
    response = send_event(form_event(FIELDS, ASYNC), services=build_services())
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (
        400,
        "jobs_not_configured",
        "Prefer",
    )
    assert "RETOUCH_EDITS_QUEUE" in error["message"]


def test_dry_run_of_a_job_is_answered_at_once(gateway):
    response = gateway.send(fields={**FIELDS, "dry_run": "true"})
    assert (response.status, response.json["object"]) == (200, "image.edit.plan")
    assert gateway.queue.messages == []


def test_deployment_path_takes_jobs_too(gateway):
    event = form_event({"prompt": "p", "image": file_part(photo(64, 64))}, ASYNC)
    path = "/openai/deployments/openai/gpt-image-2/images/edits"
    response = send_event({**event, "path": path, "resource": path}, services=gateway.services)
    assert response.status == 202
    gateway.work()
    assert gateway.get(response.json["id"]).json["status"] == "completed"


PAIRS = {f"name-{i}": "v" * 512 for i in range(16)}


@pytest.mark.parametrize("form", ["json", "text", "pairs"])
def test_metadata_is_returned_with_the_job_and_not_sent_to_the_provider(gateway, form):
    if form == "json":
        fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
        event = json_event({**fields, "metadata": PAIRS}, ASYNC)
    else:
        pairs = {f"metadata[{name}]": value for name, value in PAIRS.items()}
        values = {"metadata": json.dumps(PAIRS)} if form == "text" else pairs
        event = form_event({**FIELDS, **values}, ASYNC)
    job = send_event(event, services=gateway.services).json
    assert job["metadata"] == PAIRS
    assert gateway.work()
    assert gateway.get(job["id"]).json["metadata"] == PAIRS
    assert not any(name.startswith("metadata") for name in gateway.upstream.calls[0].fields)


@pytest.mark.parametrize(
    "metadata",
    [
        {**PAIRS, "one-more": "v"},
        {"n" * 65: "v"},
        {"name": "v" * 513},
        {"name": 1},
        {"name": {"a": "b"}},
        ["name"],
        "text",
        3,
    ],
    ids=["17 pairs", "long name", "long value", "number", "object", "list", "text", "whole number"],
)
def test_metadata_beyond_the_limits_is_refused_by_name(gateway, metadata):
    fields = {"model": "gpt-image-2", "prompt": "p", "images": [data_url(IMAGE)]}
    as_json = json_event({**fields, "metadata": metadata}, ASYNC)
    as_form = form_event({**FIELDS, "metadata": json.dumps(metadata)}, ASYNC)
    for event in (as_json, as_form):
        response = send_event(event, services=gateway.services)
        assert (response.status, response.json["error"]["param"]) == (400, "metadata")
    assert gateway.orders.orders == {}


@pytest.mark.parametrize("webhook", ["two words", "w" * 2049, "\u00fc"])
def test_webhook_that_is_no_id_and_no_url_is_refused(gateway, webhook):
    response = gateway.send(ASYNC, {**FIELDS, "webhook": webhook})
    assert (response.status, response.json["error"]["param"]) == (400, "webhook")


def test_webhook_in_a_field_and_in_a_header_is_refused(gateway):
    response = gateway.send({**ASYNC, "x-retouch-webhook": "a"}, {**FIELDS, "webhook": "b"})
    assert (response.status, response.json["error"]["param"]) == (400, "webhook")


@pytest.mark.parametrize("text", ["0", "86401", "1.5", "soon", ""])
def test_deadline_that_is_no_number_of_seconds_is_refused(gateway, text):
    response = gateway.send({**ASYNC, "x-retouch-deadline": text})
    assert (response.status, response.json["error"]["param"]) == (400, "x-retouch-deadline")


@pytest.mark.parametrize(
    ("name", "headers", "fields"),
    [
        ("metadata", {}, {"metadata": "{}"}),
        ("metadata[a]", {}, {"metadata[a]": "b"}),
        ("webhook", {}, {"webhook": "we_1"}),
        ("x-retouch-webhook", {"x-retouch-webhook": "we_1"}, {}),
        ("x-retouch-deadline", {"x-retouch-deadline": "9"}, {}),
    ],
)
def test_option_of_a_job_is_refused_by_name_for_an_edit_without_a_job(
    gateway, name, headers, fields
):
    response = gateway.send(headers, {**FIELDS, **fields})
    assert (response.status, response.json["error"]["param"]) == (400, name)
    assert gateway.upstream.calls == []
