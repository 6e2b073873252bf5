"""Closed by default: who gets in, with which key, and what a refusal gives away."""

import pytest

from retouch.admission import digest
from retouch.settings import Settings
from tests.support.door import edit, knock, png
from tests.support.events import event
from tests.support.house import build_house
from tests.support.pictures import cutout, photo

PEPPER = "pepper"
KEY = "rt_" + "k" * 43
KEYS = {digest(KEY, PEPPER): "build-server"}
FIELDS = {"prompt": "p", "image": png(cutout())}


def closed(**env):
    return build_house(
        {"RETOUCH_AUTH_MODE": "keys", **env}, secrets={"RETOUCH_PEPPER": PEPPER}, keys=KEYS
    )


def test_closed_is_the_default():
    assert Settings.from_env({}).auth_mode == "keys"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"x-portkey-api-key": KEY}, {"Authorization": KEY}],
)
def test_a_key_opens_in_either_header(headers):
    assert edit(FIELDS, headers=headers, house=closed()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk-somebody"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer rt_{'x' * 43}"},
        {"Authorization": "Bearer rt_"},
        {"x-portkey-api-key": "rt_short"},
    ],
)
def test_everything_else_gets_the_same_answer(headers):
    answer = edit(FIELDS, headers=headers, house=closed())
    reference = edit(FIELDS, house=closed())
    assert answer.status == 401
    assert answer.json["error"] == reference.json["error"]
    assert answer.json["error"]["code"] == "invalid_api_key"
    assert answer.headers["x-retouch-billed"] == "no"


def test_the_gateway_key_is_never_a_providers(upstream, env):
    house = closed(**env)
    fields = {"model": "gpt-image-2", "prompt": "p", "image": png(photo())}
    edit(fields, headers={"Authorization": f"Bearer {KEY}"}, house=house)
    both = {"Authorization": "Bearer sk-mine", "x-portkey-api-key": KEY}
    edit(fields, headers=both, house=house)
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent == ["Bearer sk-configured", "Bearer sk-mine"]


def test_provider_keys_may_stand_in_the_secret(upstream):
    house = build_house(
        {"OPENAI_BASE_URL": upstream.url}, secrets={"OPENAI_API_KEY": "sk-from-secret"}
    )
    edit({"model": "gpt-image-2", "prompt": "p", "image": png(photo())}, house=house)
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-from-secret"


def test_without_a_pepper_nobody_gets_in():
    house = build_house({"RETOUCH_AUTH_MODE": "keys"}, keys=KEYS)
    answer = edit(FIELDS, headers={"Authorization": f"Bearer {KEY}"}, house=house)
    assert answer.status == 500
    assert answer.json["error"]["code"] == "gateway_not_configured"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/uploads"), ("POST", "/v1/doctor")]
)
def test_no_route_but_health_is_open(method, path):
    assert knock(event(method=method, path=path), house=closed()).status == 401


def test_shallow_health_and_contract_are_open_deep_health_is_not():
    assert knock(event(method="GET", path="/health"), house=closed()).json == {"status": "ok"}
    assert knock(event(method="GET", path="/openapi.json"), house=closed()).status == 200
    deep = event(method="GET", path="/health")
    deep["queryStringParameters"] = {"deep": "1"}
    assert knock(deep, house=closed()).status == 401


def test_an_open_gateway_says_so_loudly(capsys):
    edit(FIELDS)
    assert "anybody who reaches this gateway may use it" in capsys.readouterr().out
