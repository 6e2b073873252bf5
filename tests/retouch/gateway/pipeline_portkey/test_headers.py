"""Tests of Portkey's headers: what a response carries, what is forwarded, and what a log line says."""

import json

import pytest

from tests.support.gateway_client import post_edit
from tests.support.images import b64, photo
from tests.support.portkey_edits import (
    FIELDS,
    IMAGE_RESPONSE,
    SERVER_ERROR,
    A,
    send_edit,
    send_rejected_edit,
    services_with_virtual_keys,
    target_and_retries,
)
from tests.support.services import build_services
from tests.support.upstream import sse_response


def test_response_without_config_has_portkey_headers(upstreams):
    response = send_edit(upstreams, provider="openai", api_key="sk-mine")
    assert response.status == 200
    assert target_and_retries(response) == ("config", "0")
    assert response.headers["x-portkey-cache-status"] == "DISABLED"
    assert response.headers["x-portkey-provider"] == "openai"
    assert response.headers["x-portkey-trace-id"] == "req-test"
    assert upstreams[0].calls[0].headers["authorization"] == "Bearer sk-mine"


def test_trace_id_of_request_is_returned(upstreams):
    assert send_edit(upstreams, A, trace_id="t-1").headers["x-portkey-trace-id"] == "t-1"


def test_traceparent_is_continued_and_returned(upstreams):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    named = {"x-portkey-config": json.dumps(A), "traceparent": parent}
    services = build_services({"OPENAI_BASE_URL": upstreams[0].url})
    response = post_edit(FIELDS, headers=named, services=services)
    sent = upstreams[0].calls[0].headers["traceparent"]
    assert sent == response.headers["traceparent"]
    assert sent[:36] == parent[:36]
    assert sent != parent


def test_custom_host_is_used_only_when_allowed(upstreams):
    openai, azure = upstreams
    refused = send_edit(upstreams, {**A, "custom_host": azure.url})
    assert (refused.status, refused.json["error"]["code"]) == (400, "custom_host_not_allowed")
    assert azure.received == []
    services = build_services(
        {"OPENAI_BASE_URL": openai.url, "RETOUCH_CUSTOM_HOSTS": f"openai={azure.url}/v1/"}
    )
    assert send_edit(upstreams, A, services=services, custom_host=f"{azure.url}/v1").status == 200
    assert (azure.calls[0].path, openai.received) == ("/v1/images/edits", [])


def test_forward_headers_are_sent_only_when_allowed(upstreams):
    openai, _ = upstreams
    services = build_services({"OPENAI_BASE_URL": openai.url, "RETOUCH_FORWARD_HEADERS": "x-team"})
    fields, names = (
        {**FIELDS},
        {"x-portkey-config": json.dumps(A), "x-team": "blue", "x-other": "1"},
    )
    response = post_edit(
        fields, headers={**names, "x-portkey-forward-headers": "x-team"}, services=services
    )
    assert response.status == 200
    assert openai.calls[0].headers["x-team"] == "blue"
    assert "x-other" not in openai.calls[0].headers
    response = post_edit(
        fields, headers={**names, "x-portkey-forward-headers": "x-other"}, services=services
    )
    assert (response.status, response.json["error"]["code"]) == (400, "forward_header_not_allowed")
    config = json.dumps({**A, "forward_headers": ["X-Team"]})
    assert (
        post_edit(fields, headers={**names, "x-portkey-config": config}, services=services).status
        == 200
    )
    assert openai.calls[1].headers["x-team"] == "blue"


def test_request_log_line_has_trace_id(upstreams, capsys):
    send_edit(upstreams, A, {"image": "https://10.0.0.1/x.png"}, trace_id="t-9")
    log_lines = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "trace" in line
    ]
    assert {line["trace_id"] for line in log_lines if line.get("message") == "request"} == {"t-9"}


COMPLETED_EVENT = {"type": "image_edit.completed", "b64_json": b64(photo())}


@pytest.mark.parametrize(
    ("stream", "response"), [("false", IMAGE_RESPONSE), ("true", sse_response(COMPLETED_EVENT))]
)
def test_log_line_without_debug_has_no_notes(upstreams, capsys, stream, response):
    upstreams[0].responses, lines_by_debug = [response], {}
    fields = {"size": "256x256", "fit": "scale", "stream": stream}
    for debug in ("true", "false"):
        response = send_edit(upstreams, A, fields, debug=debug)
        assert "rendered at 1024x1024" in response.headers["x-retouch-notes"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (lines_by_debug[debug],) = [line for line in lines if line.get("message") == "request"]
    assert "rendered at 1024x1024" in str(lines_by_debug["true"]["notes"])
    assert lines_by_debug["true"].keys() - lines_by_debug["false"].keys() == {"notes"}
    assert "rendered" not in str(lines_by_debug["false"])


@pytest.mark.parametrize("value", ["日本", "é"])
def test_value_invalid_in_header_is_not_forwarded(upstreams, value):
    services = services_with_virtual_keys(upstreams, RETOUCH_FORWARD_HEADERS="x-team")
    headers = {"x-portkey-config": json.dumps(A), "x-portkey-forward-headers": "x-team"}
    response = post_edit(FIELDS, headers={**headers, "x-team": value}, services=services)
    assert (response.status, upstreams[0].received) == (400, [])
    organization = {"provider": "openai", "api_key": "k", "openai_organization": value}
    send_rejected_edit(upstreams, "x-portkey-openai-organization", **organization)


@pytest.mark.parametrize(
    ("arguments", "served"),
    [
        ({"config": {"provider": "@TeamA"}}, "openai"),
        ({"provider": "@TeamA"}, "openai"),
        ({"virtual_key": "teama"}, "openai"),
        ({"fields": {"model": "@az/gpt-image-2"}}, "azure-openai"),
        ({"fields": {"model": "azure-openai/gpt-image-2"}, "api_key": "k"}, "azure-openai"),
    ],
)
@pytest.mark.parametrize("provider_response", [IMAGE_RESPONSE, SERVER_ERROR])
def test_provider_header_names_serving_provider(upstreams, arguments, served, provider_response):
    upstreams[0].responses = upstreams[1].responses = [provider_response]
    services = services_with_virtual_keys(upstreams)
    response = send_edit(upstreams, services=services, trace_id="t-1", **arguments)
    assert response.headers["x-portkey-provider"] == served
    assert len(upstreams[0].calls) + len(upstreams[1].calls) == 1
