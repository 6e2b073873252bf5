"""A canary key is planted in every place a key can come from; it may show up nowhere but upstream."""

import logging

import pytest

from tests.support.door import edit, png
from tests.support.pictures import b64, photo
from tests.support.upstream import Answer, Upstream, as_json, closed_port

CANARY = "sk-canary-7f3a9d"
FIELDS = {"model": "gpt-image-2", "prompt": "canary-prompt", "image": png(photo())}
ECHO = {
    "message": f"Incorrect API key provided: {CANARY}",
    "code": "invalid_value",
    "param": CANARY,
}
OUTCOMES = {
    "success": as_json({"data": [{"b64_json": b64(photo())}]}),
    "echoed by the provider": as_json({"error": ECHO}, 400),
    "refused key": as_json({"error": {**ECHO, "code": "invalid_api_key"}}, 401),
    "echoed in details": as_json(
        {"error": {"code": "moderation_blocked", "moderation_details": {"categories": [CANARY]}}},
        400,
    ),
    "html": Answer(500, CANARY.encode()),
    "reset": Answer(fault="reset"),
    "bad shape": as_json({CANARY: 1}),
}
PLACES = {
    "Authorization": ({"Authorization": f"Bearer {CANARY}"}, {}),
    "x-portkey-api-key": ({"x-portkey-api-key": CANARY}, {}),
    "configuration": ({}, {"OPENAI_API_KEY": CANARY}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_canary_reaches_the_provider_and_nothing_else(place, outcome, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    headers, env = PLACES[place]
    with Upstream(OUTCOMES[outcome]) as upstream:
        answer = edit(FIELDS, {**env, "OPENAI_BASE_URL": upstream.url}, headers)
        assert upstream.calls[0].headers["authorization"] == f"Bearer {CANARY}"
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, caplog.text, str(answer.json), str(answer.headers)):
        assert CANARY not in text
        assert "canary-prompt" not in text


def test_unreachable_provider_leaks_nothing(capsys):
    env = {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}"}
    answer = edit(FIELDS, env)
    assert CANARY not in str(answer) + capsys.readouterr().out


@pytest.mark.parametrize("key", ["", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "Bearer"])
def test_placeholders_of_sdks_count_as_no_key(key, env, upstream):
    answer = edit(FIELDS, env, {"Authorization": f"Bearer {key}" if key != "Bearer" else "Bearer "})
    assert answer.status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-configured"


def test_a_key_with_line_breaks_is_refused(env, upstream):
    answer = edit(FIELDS, env, {"Authorization": "Bearer a\r\nx: y"})
    assert answer.json["error"]["code"] == "invalid_api_key"
    assert upstream.received == []


@pytest.mark.parametrize(
    ("headers", "status"), [({"Authorization": "Bearer sk-k"}, 401), ({}, 500)]
)
def test_a_refused_key_is_its_senders_fault(headers, status):
    refused = as_json({"error": {"code": "invalid_api_key", "message": "no"}}, 401)
    with Upstream(refused) as upstream:
        env = {"OPENAI_API_KEY": "sk-k", "OPENAI_BASE_URL": upstream.url}
        assert edit(FIELDS, env, headers).status == status
