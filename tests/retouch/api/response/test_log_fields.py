"""Tests of what the log says about a request: the name of its key, and no text of a caller or a provider."""

import json

import pytest

from retouch.gateway.authentication import key_digest
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

PEPPER = "pepper"
KEY = "rt_" + "k" * 43
CANARY = "canary7c1e"
SUCCESS = json_response({"data": [{"b64_json": b64(photo())}]})
PROVIDER_ERROR = {"message": CANARY, "code": CANARY, "type": CANARY, "param": CANARY}


def send_edit(response, fields=None, headers=None, key=KEY):
    with Upstream(response) as upstream:
        env = {"RETOUCH_AUTH_MODE": "keys", "OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        services = build_services(
            env,
            secrets={"RETOUCH_PEPPER": PEPPER},
            keys={key_digest(KEY, PEPPER): "web-shop"},
        )
        all_fields = {"model": "openai/gpt-image-2", "image": file_part(photo()), **(fields or {})}
        event = form_event(
            {"prompt": "p", **all_fields}, {"Authorization": f"Bearer {key}", **(headers or {})}
        )
        return send_event(event, services=services)


def log_lines(capsys):
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if "_aws" not in line]


@pytest.mark.parametrize(
    ("response", "status"),
    [(SUCCESS, 200), (json_response({"error": PROVIDER_ERROR}, 400), 400)],
)
def test_log_line_of_an_edit_names_the_key_and_does_not_contain_it(capsys, response, status):
    assert send_edit(response).status == status
    (line,) = [line for line in log_lines(capsys) if line["message"] == "request"]
    assert line["key"] == "web-shop"
    assert KEY not in json.dumps(line)


def test_log_line_of_an_unknown_caller_does_not_name_the_key_of_the_request_before(capsys):
    assert send_edit(SUCCESS).status == 200
    assert send_edit(SUCCESS, key="rt_wrong").status == 401
    lines = [line for line in log_lines(capsys) if line["message"] == "request"]
    assert [line["key"] for line in lines] == ["web-shop", ""]


def test_log_line_of_another_route_names_the_key(capsys):
    services = build_services(
        {"RETOUCH_AUTH_MODE": "keys"},
        secrets={"RETOUCH_PEPPER": PEPPER},
        keys={key_digest(KEY, PEPPER): "web-shop"},
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    send_event(proxy_event(method="GET", path="/v1/models", headers=headers), services=services)
    (line,) = [line for line in log_lines(capsys) if line["message"] == "request"]
    assert line["key"] == "web-shop"


@pytest.mark.parametrize(
    ("fields", "headers", "param"),
    [
        ({CANARY: "x"}, {}, "other"),
        ({"prompt": CANARY}, {}, None),
        ({"prompt": CANARY, "n": "99"}, {}, "n"),
        ({"n": CANARY}, {}, "n"),
        ({"model": CANARY}, {}, "model"),
        ({"size": CANARY}, {}, None),
        ({"user": CANARY}, {}, None),
        ({f"image[{CANARY}]": "x"}, {}, None),
        ({}, {"x-portkey-virtual-key": CANARY}, "x-portkey-virtual-key"),
        ({}, {"x-portkey-config": json.dumps({CANARY: 1})}, "x-portkey-config"),
        ({}, {"x-portkey-metadata": json.dumps({"a": CANARY})}, None),
        ({}, {f"x-portkey-azure-{CANARY}": CANARY}, None),
    ],
)
def test_text_of_the_caller_does_not_reach_the_log(capsys, fields, headers, param):
    send_edit(SUCCESS, fields, headers)
    lines = log_lines(capsys)
    assert CANARY not in json.dumps(lines)
    (line,) = [line for line in lines if line["message"] == "request"]
    assert param is None or line["param"] == param


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 500, 503])
def test_code_and_param_of_a_provider_do_not_reach_the_log(capsys, status):
    targets = [{"provider": "openai"}, {"provider": "openai"}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    headers = {"x-portkey-config": json.dumps(config)}
    fields = {"model": "gpt-image-2"}
    send_edit(json_response({"error": PROVIDER_ERROR}, status), fields, headers)
    lines = log_lines(capsys)
    assert CANARY not in json.dumps(lines)
    (line,) = [line for line in lines if line["message"] == "request"]
    assert line["upstream_status"] == status
