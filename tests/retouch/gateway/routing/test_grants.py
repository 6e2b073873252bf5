"""Tests of grants: with which saved configs and virtual keys a caller may let somebody else pay."""

from dataclasses import replace

import orjson
import pytest

from retouch.gateway.authentication import key_digest
from retouch.gateway.routing.grants import find_secrets
from retouch.tenants.keys import GatewayKey, Workspace, plain_key
from tests.support.events import proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import photo
from tests.support.services import build_services

PEPPER = "pepper"
NAMES = ("guest-a", "guest-b", "shop", "admin")
DIGESTS = {name: key_digest(f"rt_{name}", PEPPER) for name in NAMES}
ACME = Workspace(id="w_acme", slug="acme", name="Acme")
SHOP = GatewayKey(id="k_shop", name="guest-b", workspace=ACME)
KEYS = {
    DIGESTS["guest-a"]: "guest-a",
    DIGESTS["guest-b"]: "guest-b",
    DIGESTS["shop"]: SHOP,
    DIGESTS["admin"]: replace(
        plain_key("admin", DIGESTS["admin"]), scopes=frozenset({"logs.view"})
    ),
}
MODEL = {"override_params": {"model": "gpt-image-2"}}
PAYING = {"provider": "openai", "api_key": "sk-of-b", **MODEL}
FIELDS = {"prompt": "p", "image": file_part(photo())}


def edit(
    env,
    name,
    config=None,
    virtual_key=None,
    saved=None,
    virtual_keys=None,
    fields=FIELDS,
    **settings,
):
    """Send an edit with the key of this name."""
    services = build_services(
        {"RETOUCH_AUTH_MODE": "keys", **env, **settings},
        secrets={
            "RETOUCH_PEPPER": PEPPER,
            "RETOUCH_VIRTUAL_KEYS": orjson.dumps(virtual_keys or {}).decode(),
        },
        keys=KEYS,
        configs={f"configs/{key}.json": orjson.dumps(v) for key, v in (saved or {}).items()},
    )
    headers = {"Authorization": f"Bearer rt_{name}"}
    headers |= {"x-portkey-config": config} if config else {}
    headers |= {"x-portkey-virtual-key": virtual_key} if virtual_key else {}
    return post_edit(fields, headers=headers, services=services)


@pytest.mark.parametrize(
    ("name", "grants", "status"),
    [
        ("guest-a", None, 400),
        ("guest-a", [], 400),
        ("guest-a", "guest-a", 400),
        ("guest-a", ["guest-b"], 400),
        ("guest-b", ["guest-b"], 200),
        ("guest-a", ["*"], 200),
        ("guest-a", ["workspace:default"], 200),
        ("guest-a", ["workspace:acme"], 400),
        ("shop", ["workspace:acme"], 200),
        ("shop", ["guest-b"], 400),  # a tenant chooses the names of its keys
    ],
)
def test_saved_config_with_a_key_pays_only_for_granted_keys(env, upstream, name, grants, status):
    saved = {"pc-b": {**PAYING, **({} if grants is None else {"grants": grants})}}
    response = edit(env, name, config="pc-b", saved=saved)
    nowhere = edit(env, name, config="pc-z", saved=saved)
    assert response.status == status
    if status == 200:
        assert upstream.calls[-1].headers["authorization"] == "Bearer sk-of-b"
        return
    assert upstream.calls == []
    assert (
        response.json["error"]["message"].replace("pc-b", "pc-z")
        == nowhere.json["error"]["message"]
    )


@pytest.mark.parametrize(
    ("name", "grants", "status"),
    [
        ("guest-a", ["guest-b"], 400),
        ("guest-b", ["guest-b"], 200),
        ("shop", ["workspace:acme"], 200),
        ("shop", ["guest-b"], 400),
    ],
)
def test_virtual_key_of_the_operator_pays_only_for_granted_keys(
    env, upstream, name, grants, status
):
    keys = {"team-b": {"provider": "openai", "api_key": "sk-virtual-b", "grants": grants}}
    fields = {**FIELDS, "model": "gpt-image-2"}
    response = edit(env, name, virtual_key="Team-B", virtual_keys=keys, fields=fields)
    nowhere = edit(env, name, virtual_key="team-z", virtual_keys=keys, fields=fields)
    by_model = edit(env, name, virtual_keys=keys, fields={**FIELDS, "model": "@team-b/gpt-image-2"})
    assert (response.status, by_model.status) == (status, status)
    if status == 200:
        assert upstream.calls[-1].headers["authorization"] == "Bearer sk-virtual-b"
        return
    assert upstream.calls == []
    error = response.json["error"]["message"].replace("Team-B", "team-z")
    assert error == nowhere.json["error"]["message"]
    assert nowhere.json["error"]["code"] == "unknown_virtual_key"


def test_config_without_a_key_needs_no_grant(env, upstream):
    saved = {"pc-house": {"provider": "openai", **MODEL}}
    assert edit(env, "guest-a", config="pc-house", saved=saved).status == 200
    assert upstream.calls[-1].headers["authorization"] == "Bearer sk-configured"


def test_grant_of_a_config_is_no_grant_of_the_virtual_key_in_it(env, upstream):
    saved = {"pc-1": {"virtual_key": "team-b", "grants": ["*"], **MODEL}}
    keys = {"team-b": {"provider": "openai", "api_key": "sk-virtual-b", "grants": ["guest-b"]}}
    assert edit(env, "guest-a", config="pc-1", saved=saved, virtual_keys=keys).status == 400
    assert edit(env, "guest-b", config="pc-1", saved=saved, virtual_keys=keys).status == 200
    assert len(upstream.calls) == 1


def test_setting_shares_everything_with_every_key(env, upstream):
    response = edit(env, "guest-a", config="pc-b", saved={"pc-b": PAYING}, RETOUCH_GRANTS="all")
    assert response.status == 200


def test_open_gateway_needs_no_grant(env, upstream):
    services = build_services(env, configs={"configs/pc-b.json": orjson.dumps(PAYING)})
    response = post_edit(FIELDS, headers={"x-portkey-config": "pc-b"}, services=services)
    assert response.status == 200


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"provider": "openai", "virtual_key": "v"}, []),
        ({"override_params": {"max_tokens": 3}, "cache": {"mode": "simple"}}, []),
        ({"api_key": ""}, []),
        ({"targets": [{}, {"api_key": "k"}]}, ["config.targets[1].api_key"]),
        ({"azure_ad_token": "t"}, ["config.azure_ad_token"]),
        (
            {
                "before_request_hooks": [
                    {"headers": {"Authorization": "Bearer x", "x-api-key": "k"}}
                ]
            },
            [
                "config.before_request_hooks[0].headers.Authorization",
                "config.before_request_hooks[0].headers.x-api-key",
            ],
        ),
    ],
)
def test_secrets_of_a_config_are_found_by_name(config, paths):
    assert list(find_secrets(config)) == paths


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images/edits"),
        ("POST", "/openai/v1/images/edits"),
        ("POST", "/openai/deployments/m/images/edits"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/images/edits/ord_x/cancel"),
    ],
)
def test_key_without_the_edit_scope_makes_nothing(env, method, path):
    services = build_services(
        {"RETOUCH_AUTH_MODE": "keys", **env}, secrets={"RETOUCH_PEPPER": PEPPER}, keys=KEYS
    )
    event = proxy_event(headers={"Authorization": "Bearer rt_admin"}, method=method, path=path)
    response = send_event(event, services=services)
    assert (response.status, response.json["error"]["code"]) == (403, "insufficient_scope")
    assert "completions.write" in response.json["error"]["message"]
    models = proxy_event(
        headers={"Authorization": "Bearer rt_admin"}, method="GET", path="/v1/models"
    )
    assert send_event(models, services=services).status == 200


ALLOWED = {
    "model": {"allowed_models": ("openai/gpt-image-2",)},
    "model without provider": {"allowed_models": ("gpt-image-2",)},
    "provider": {"allowed_providers": ("openai",)},
}


@pytest.mark.parametrize("limits", ALLOWED.values(), ids=ALLOWED)
def test_key_uses_only_its_models_and_providers(env, upstream, limits):
    services = build_services(
        {"RETOUCH_AUTH_MODE": "keys", **env},
        secrets={"RETOUCH_PEPPER": PEPPER},
        keys={DIGESTS["shop"]: replace(SHOP, **limits)},
    )
    headers = {"Authorization": "Bearer rt_shop"}

    def status(model, **more):
        fields = {**FIELDS, "model": model}
        return post_edit(fields, headers={**headers, **more}, services=services)

    assert status("openai/gpt-image-2").status == 200
    for model in ("azure-openai/gpt-image-1.5", "local/erase", "google/gemini-nano-banana-2.1"):
        response = status(model)
        assert (response.status, response.json["error"]["code"]) == (403, "model_not_allowed")
        assert model in response.json["error"]["message"]
    fallback = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "openai", **MODEL},
            {"provider": "azure-openai", "override_params": {"model": "gpt-image-1.5"}},
        ],
    }
    refused = status("gpt-image-2", **{"x-portkey-config": orjson.dumps(fallback).decode()})
    assert (refused.status, refused.json["error"]["code"]) == (403, "model_not_allowed")
    assert len(upstream.calls) == 1
    listed = send_event(
        proxy_event(headers=headers, method="GET", path="/v1/models"), services=services
    )
    ids = [model["id"] for model in listed.json["data"]]
    assert "openai/gpt-image-2" in ids
    assert all(name.startswith("openai/") or "gpt-image-2" in name for name in ids)
    one = proxy_event(headers=headers, method="GET", path="/v1/models/local/erase")
    assert send_event(one, services=services).status == 403
