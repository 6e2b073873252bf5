"""Tests that a key reaches the provider and nothing else, wherever the key comes from."""

import logging

import pytest

from devserver.ports import unused_port
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, photo
from tests.support.upstream import ScriptedResponse, Upstream, json_response

CANARY = "sk-canary-7f3a9d"
FIELDS = {"model": "gpt-image-2", "prompt": "canary-prompt", "image": file_part(photo())}
ECHO = {
    "message": f"Incorrect API key provided: {CANARY}",
    "code": "invalid_value",
    "param": CANARY,
}
OUTCOMES = {
    "success": json_response({"data": [{"b64_json": b64(photo())}]}),
    "echoed by the provider": json_response({"error": ECHO}, 400),
    "refused key": json_response({"error": {**ECHO, "code": "invalid_api_key"}}, 401),
    "echoed in details": json_response(
        {"error": {"code": "moderation_blocked", "moderation_details": {"categories": [CANARY]}}},
        400,
    ),
    "html": ScriptedResponse(500, CANARY.encode()),
    "reset": ScriptedResponse(network_failure="reset"),
    "bad shape": json_response({CANARY: 1}),
}
PLACES = {
    "Authorization": ({"Authorization": f"Bearer {CANARY}"}, {}),
    "x-portkey-api-key": ({"x-portkey-api-key": CANARY}, {}),
    "configuration": ({}, {"OPENAI_API_KEY": CANARY}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_key_is_sent_to_provider_and_never_logged_or_returned(place, outcome, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    headers, env = PLACES[place]
    with Upstream(OUTCOMES[outcome]) as upstream:
        response = post_edit(FIELDS, {**env, "OPENAI_BASE_URL": upstream.url}, headers)
        assert upstream.calls[0].headers["authorization"] == f"Bearer {CANARY}"
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, caplog.text, str(response.json), str(response.headers)):
        assert CANARY not in text
        assert "canary-prompt" not in text


def test_unreachable_provider_error_does_not_contain_key(capsys):
    env = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}"}
    response = post_edit(FIELDS, env)
    assert CANARY not in str(response) + capsys.readouterr().out


@pytest.mark.parametrize("key", ["", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "Bearer"])
def test_placeholder_key_of_sdk_is_ignored(key, env, upstream):
    response = post_edit(
        FIELDS, env, {"Authorization": f"Bearer {key}" if key != "Bearer" else "Bearer "}
    )
    assert response.status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-configured"


def test_key_with_line_break_is_rejected(env, upstream):
    response = post_edit(FIELDS, env, {"Authorization": "Bearer a\r\nx: y"})
    assert response.json["error"]["code"] == "invalid_api_key"
    assert upstream.received == []


@pytest.mark.parametrize(
    ("headers", "status"), [({"Authorization": "Bearer sk-k"}, 401), ({}, 500)]
)
def test_rejected_key_is_401_for_caller_key_and_500_for_own_key(headers, status):
    key_rejected = json_response({"error": {"code": "invalid_api_key", "message": "no"}}, 401)
    with Upstream(key_rejected) as upstream:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url}
        assert post_edit(FIELDS, env, headers).status == status
