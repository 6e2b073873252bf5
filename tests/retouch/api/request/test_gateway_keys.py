"""Tests that a request with a gateway key in a wrong place is refused by name, before anything is sent."""

import base64
import json
from urllib.parse import quote

import pytest

from retouch.gateway.authentication import key_digest
from tests.support.events import form_event, json_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, data_url, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

PEPPER = "pepper"
KEY = "rt_q7Zk-2mXv_9aLw4TnB8cRe1YhUj6PsD3fGoKiV5xEzQ"
FIELDS = {"model": "gpt-image-2", "prompt": "a hat", "image": file_part(photo())}
OPENAI = {"x-portkey-provider": "openai"}


@pytest.fixture
def upstream():
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as upstream:
        yield upstream


def send_edit(upstream, headers, fields=None, mode="keys", **env):
    services = build_services(
        {
            "RETOUCH_AUTH_MODE": mode,
            "OPENAI_BASE_URL": upstream.url,
            "OPENAI_API_KEY": "sk-operator",
            "RETOUCH_FORWARD_HEADERS": "x-customer",
            **env,
        },
        secrets={"RETOUCH_PEPPER": PEPPER},
        keys={key_digest(KEY, PEPPER): "shop"},
    )
    event = form_event({**FIELDS, **(fields or {})}, headers)
    return send_event(event, services=services)


def assert_refused(response, upstream, param, log=""):
    error = response.json["error"]
    assert (response.status, error["code"], error["param"]) == (400, "gateway_key_refused", param)
    assert response.headers["x-retouch-billed"] == "no"
    assert upstream.received == []
    for text in (json.dumps(response.json), json.dumps(response.headers), log):
        assert KEY[3:].lower() not in text.lower()


HEADERS = {
    "authorization": [
        f"Bearer Bearer {KEY}",
        f"Token {KEY}",
        f"Bearer,{KEY}",
        f'Bearer "{KEY}"',
        f"Bearer RT_{KEY[3:]}",
        f"Bearer {KEY.upper()}",
        f"Bearer {KEY[3:]}",
        f"Bearer {quote('Bearer ' + KEY)}",
        f"Bearer %72t_{KEY[3:]}",
        f"Basic {base64.b64encode(f'user:{KEY}'.encode()).decode()}",
        f"Bearer sk-mine {KEY}",
    ],
    "x-portkey-virtual-key": [KEY, f"@{KEY}"],
    "x-portkey-custom-host": [f"https://{KEY}.example", f"https://a.example/{KEY}"],
    "x-portkey-provider": [f"@{KEY}"],
    "x-portkey-metadata": [json.dumps({"user": KEY})],
    "x-portkey-trace-id": [KEY, KEY[3:]],
    "x-portkey-openai-organization": [KEY, f"org {KEY}"],
    "x-portkey-azure-ad-token": [f"Bearer {KEY}"],
    "x-portkey-stability-client-id": [KEY],
    "x-portkey-default-input-guardrails": [
        json.dumps([{"default.webhook": {"webhookURL": f"https://a.example/?k={KEY}"}}])
    ],
    "x-portkey-forward-headers": [KEY],
    "x-portkey-cache-namespace": [KEY],
    "x-customer": [KEY, f"id-{KEY}"],
}
CONFIGS = {
    "api_key": {"provider": "openai", "api_key": f"Bearer {KEY}"},
    "api_key of a target": {"targets": [{"provider": "openai", "api_key": f'"{KEY}"'}]},
    "virtual_key": {"virtual_key": KEY},
    "option": {"provider": "openai", "api_key": "sk-x", "openai_organization": f"x {KEY}"},
    "override": {"provider": "openai", "override_params": {"user": f"me {KEY}"}},
    "custom_host": {"provider": "openai", "custom_host": f"https://a.example/{KEY}"},
    "webhook": {
        "input_guardrails": [
            {
                "default.webhook": {
                    "webhookURL": "https://a.example/",
                    "headers": {"Authorization": f"Bearer {KEY}"},
                }
            }
        ]
    },
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in HEADERS.items() for v in vs])
def test_key_in_a_header_is_refused_by_the_name_of_the_header(upstream, capsys, name, value):
    headers = {"x-portkey-api-key": KEY, **OPENAI, name: value}
    response = send_edit(upstream, headers)
    assert_refused(response, upstream, name, capsys.readouterr().out)


@pytest.mark.parametrize("value", [f"Bearer {KEY}", f"bearer   {KEY} ", KEY, f" {KEY}"])
def test_key_alone_in_authorization_is_the_gateway_key(upstream, value):
    response = send_edit(upstream, {"authorization": value})
    assert response.status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-operator"


def test_key_in_a_second_key_header_beside_a_provider_key_is_accepted(upstream):
    headers = {"authorization": "Bearer sk-mine", "x-portkey-api-key": KEY, **OPENAI}
    assert send_edit(upstream, headers).status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"


def test_key_in_a_header_that_is_not_passed_on_is_ignored(upstream):
    headers = {"authorization": f"Bearer {KEY}", "cookie": f"key={KEY}", "x-api-key": KEY}
    assert send_edit(upstream, headers).status == 200
    assert KEY not in str(upstream.calls[0].headers)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_key_in_a_config_is_refused(upstream, capsys, config):
    headers = {"authorization": f"Bearer {KEY}", "x-portkey-config": json.dumps(config)}
    response = send_edit(upstream, headers)
    assert_refused(response, upstream, "x-portkey-config", capsys.readouterr().out)


@pytest.mark.parametrize("name", ["prompt", "user", "model", "webhook_secret"])
@pytest.mark.parametrize("value", [KEY, f"Bearer {KEY}", quote(f'"{KEY}"'), KEY[3:]])
def test_key_in_a_field_is_refused_by_the_name_of_the_field(upstream, capsys, name, value):
    response = send_edit(upstream, {"authorization": f"Bearer {KEY}"}, {name: value})
    assert_refused(response, upstream, name, capsys.readouterr().out)


def test_key_as_the_name_of_a_field_is_refused_without_repeating_it(upstream, capsys):
    response = send_edit(upstream, {"authorization": f"Bearer {KEY}"}, {KEY: "x"})
    assert_refused(response, upstream, "the name of a field", capsys.readouterr().out)


def test_key_in_the_url_of_an_image_is_refused(upstream, capsys):
    fields = {"image": f"https://images.example/a.png?token={KEY}"}
    response = send_edit(upstream, {"authorization": f"Bearer {KEY}"}, fields)
    assert_refused(response, upstream, "image", capsys.readouterr().out)


@pytest.mark.parametrize("mode", ["keys", "open"])
def test_key_of_somebody_else_is_refused_too(upstream, mode):
    other = "rt_" + "B" * 43
    headers = {"x-portkey-api-key": KEY, "authorization": f"Bearer Bearer {other}", **OPENAI}
    assert_refused(send_edit(upstream, headers, mode=mode), upstream, "authorization")


def test_key_in_a_json_body_is_refused(upstream):
    body = {"prompt": "p", "images": [{"image_url": data_url(photo())}], "user": f"x {KEY}"}
    response = send_event(json_event(body), {"OPENAI_BASE_URL": upstream.url})
    assert_refused(response, upstream, "user")


def test_key_in_a_direct_invoke_is_refused(upstream):
    event = {"prompt": "p", "images": [data_url(photo())], "user": KEY}
    response = send_event(event, {"OPENAI_BASE_URL": upstream.url})
    assert_refused(response, upstream, "user")


def test_text_that_only_resembles_a_key_is_sent(upstream):
    prompt = "an art_deco lamp, 100% rt_red, start_of_something_long"
    headers = {"authorization": f"Bearer {KEY}"}
    assert send_edit(upstream, headers, {"prompt": prompt}).status == 200


@pytest.mark.parametrize("name", ["prompt", "user"])
@pytest.mark.parametrize(
    "value",
    [b64(f"user:{KEY}".encode()), KEY.encode().hex(" "), f"my key: {' '.join(KEY)}"],
    ids=["base64", "hexadecimal", "pieces"],
)
def test_packed_key_in_a_field_is_refused_by_the_name_of_the_field(upstream, capsys, name, value):
    response = send_edit(upstream, {"authorization": f"Bearer {KEY}"}, {name: value})
    assert_refused(response, upstream, name, capsys.readouterr().out)


def test_packed_key_is_sent_by_a_gateway_that_has_no_keys(upstream):
    body = {"prompt": "p", "images": [{"image_url": data_url(photo())}], "model": "gpt-image-2"}
    event = json_event({**body, "user": b64(KEY.encode())})
    env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "sk-operator"}
    assert send_event(event, env).status == 200
    assert len(upstream.calls) == 1
