"""Tests of the configs API, and of edits with such a config."""

import json

import pytest

from retouch.api.admin import configs
from tests.support.events import form_event
from tests.support.gateway_client import file_part
from tests.support.images import photo
from tests.support.tenants import AdminApi

FIELDS = {"prompt": "p", "image": file_part(photo())}
CONFIG = {"provider": "openai", "override_params": {"model": "gpt-image-2"}}


@pytest.fixture
def api(tmp_path, env):
    return AdminApi(tmp_path, env)


@pytest.fixture
def acme(api):
    return api.workspace("acme")


def create(api, workspace_id, **fields):
    body = {"name": "Shop", "config": CONFIG, "workspace_id": workspace_id, **fields}
    return api.call("POST", "/v1/configs", body)


def edit(api, key, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.send(form_event(FIELDS, names), key)


def test_saved_config_routes_the_edits_of_its_workspace(api, acme, upstream):
    made = create(api, acme).json
    assert made["id"].startswith("pc-shop-")
    assert made["version_id"].startswith("pcv-")
    assert made["data"]["id"] == made["id"]
    _, key = api.key(acme)
    assert edit(api, key, x_portkey_config=made["id"]).status == 200
    assert len(upstream.calls) == 1


def test_config_with_a_virtual_key_of_the_workspace_lets_it_pay(api, acme, upstream):
    body = {"name": "main", "provider": "openai", "key": "sk-of-acme-0000000", "workspace_id": acme}
    slug = api.call("POST", "/v1/virtual-keys", body).json["slug"]
    config = {"virtual_key": slug, "override_params": {"model": "gpt-image-2"}}
    identifier = create(api, acme, config=json.dumps(config)).json["id"]
    _, key = api.key(acme)
    assert edit(api, key, x_portkey_config=identifier).status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-of-acme-0000000"


def test_config_of_another_workspace_is_the_same_as_none(api, acme, upstream):
    identifier, other = create(api, acme).json["id"], api.workspace("other")
    scopes = [f"configs.{a}" for a in ("read", "list", "update", "delete")]
    _, key = api.key(other, scopes=["completions.write", *scopes])
    answers = [edit(api, key, x_portkey_config=name) for name in (identifier, "pc-none")]
    messages = [answer.json["error"]["message"] for answer in answers]
    assert messages[0].replace(identifier, "pc-none") == messages[1]
    assert upstream.calls == []
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/versions")):
        assert api.call(method, f"/v1/configs/{identifier}{path}", {}, key=key).status == 404
    assert api.call("GET", "/v1/configs", key=key).json["total"] == 0


def test_each_change_of_a_config_is_a_version(api, acme):
    made = create(api, acme).json
    path = f"/v1/configs/{made['id']}"
    renamed = api.call("PUT", path, {"name": "New"}).json
    assert (renamed["name"], renamed["version_id"]) == ("New", made["version_id"])
    api.clock.advance(1)
    changed = api.call("PUT", path, {"config": {"provider": "google"}}).json
    assert changed["version_id"] != made["version_id"]
    assert api.call("GET", path).json["config"] == {"provider": "google"}
    versions = api.call("GET", f"{path}/versions").json["data"]
    assert [version["version_id"] for version in versions] == [
        changed["version_id"],
        made["version_id"],
    ]
    assert versions[1]["config"] == CONFIG


def test_changed_archived_and_deleted_configs_have_their_effect_within_a_minute(
    api, acme, upstream
):
    identifier = create(api, acme).json["id"]
    _, key = api.key(acme)
    assert edit(api, key, x_portkey_config=identifier).status == 200
    api.call("PUT", f"/v1/configs/{identifier}", {"status": "archived"})
    api.clock.advance(60)
    assert edit(api, key, x_portkey_config=identifier).status == 400
    api.call("PUT", f"/v1/configs/{identifier}", {"status": "active"})
    api.clock.advance(60)
    assert edit(api, key, x_portkey_config=identifier).status == 200
    assert api.call("DELETE", f"/v1/configs/{identifier}").json["deleted"] is True
    api.clock.advance(60)
    assert edit(api, key, x_portkey_config=identifier).status == 400
    assert len(upstream.calls) == 2


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"provider": "openai", "api_key": "sk-canary"}, "config.api_key is a secret"),
        ({"targets": [{"azure_ad_token": "canary"}]}, "config.targets[0].azure_ad_token"),
        ({"strategy": {"mode": "random"}}, "config.strategy.mode"),
        ({}, "config is empty"),
    ],
)
def test_config_that_cannot_be_used_is_not_saved(api, acme, config, text):
    answer = create(api, acme, config=config)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_config")
    assert text in answer.json["error"]["message"]
    assert "canary" not in answer.text
    assert api.call("GET", "/v1/configs").json["total"] == 0


@pytest.mark.parametrize("config", ["{", [], 3, None])
def test_config_that_is_no_object_is_refused(api, acme, config):
    answer = create(api, acme, config=config)
    assert (answer.status, answer.json["error"]["param"]) == (400, "config")


@pytest.mark.parametrize("is_update", [False, True])
def test_default_config_does_not_take_back_credits_that_are_added_meanwhile(
    api, acme, monkeypatch, is_update
):
    method, path = "POST", "/v1/configs"
    if is_update:
        method, path = "PUT", f"{path}/{create(api, acme).json['id']}"
    body = {"config": CONFIG, "is_default": True}
    body |= {} if is_update else {"name": "Shop", "workspace_id": acme}
    make_id, credits = configs._new_version_id, [{"amount": 7}]

    def make_id_later():
        for credit in [credits.pop()] if credits else []:
            added = api.call("POST", f"/v1/admin/workspaces/{acme}/credits", credit)
            assert added.status == 200
        return make_id()

    monkeypatch.setattr(configs, "_new_version_id", make_id_later)
    assert [api.call(method, path, body).status for _ in range(2)] == [409, 200]
    (limit,) = api.call("GET", f"/v1/admin/workspaces/{acme}").json["usage_limits"]
    assert limit["credit_limit"] == 7


@pytest.mark.parametrize("field", ["is_default", "isDefault"])
def test_default_config_routes_requests_that_name_none(api, acme, upstream, field):
    made = create(api, acme, **{field: 1}).json
    assert made["is_default"] == 1
    _, key = api.key(acme)
    assert edit(api, key).status == 200
    assert len(upstream.calls) == 1
    api.call("DELETE", f"/v1/configs/{made['id']}")
    shown = api.call("GET", f"/v1/admin/workspaces/{acme}").json
    assert shown["defaults"]["config_id"] is None


def test_config_of_a_key_cannot_be_overridden_when_it_says_so(api, acme, upstream):
    identifier = create(api, acme).json["id"]
    defaults = {"config_id": identifier, "allow_config_override": False}
    _, key = api.key(acme, defaults=defaults)
    assert edit(api, key).status == 200
    for config in (identifier, json.dumps({"provider": "google"})):
        answer = edit(api, key, x_portkey_config=config)
        assert (answer.status, answer.json["error"]["code"]) == (403, "config_override_not_allowed")
    assert len(upstream.calls) == 1


def test_metadata_of_a_key_is_that_of_its_requests(api, acme, upstream):
    condition = {"query": {"metadata.plan": {"$eq": "paid"}}, "then": "paid"}
    config = {
        "strategy": {"mode": "conditional", "conditions": [condition], "default": "free"},
        "targets": [
            {"name": "paid", **CONFIG},
            {"name": "free", "provider": "local", "override_params": {"model": "erase"}},
        ],
    }
    identifier = create(api, acme, config=config).json["id"]
    _, key = api.key(acme, defaults={"config_id": identifier, "metadata": {"plan": "paid"}})
    assert edit(api, key).status == 200
    assert len(upstream.calls) == 1
    metadata = json.dumps({"plan": "free"})
    assert edit(api, key, x_portkey_metadata=metadata).status == 400  # local/erase needs a mask
    assert len(upstream.calls) == 1
