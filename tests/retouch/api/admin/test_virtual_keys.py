"""Tests of the virtual keys API, and of edits that such a key pays."""

import contextlib
from unittest.mock import Mock

import pytest

from retouch.infrastructure.local.tenant_folder import SecretFolder
from retouch.tenants.table import TenantsUnavailable
from tests.support.events import form_event
from tests.support.gateway_client import file_part
from tests.support.images import photo
from tests.support.killed_process import ProcessKilled
from tests.support.tenants import AdminApi

SECRET = "sk-provider-secret-of-acme-x4f2"
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
PATHS = ("/v1/virtual-keys", "/v1/providers")


@pytest.fixture
def api(tmp_path, env):
    return AdminApi(tmp_path, env)


@pytest.fixture
def acme(api):
    return api.workspace("acme")


def create(api, workspace_id, path=PATHS[0], **fields):
    body = {"name": "Our OpenAI", "provider": "openai", "key": SECRET, **fields}
    return api.call("POST", path, {**body, "workspace_id": workspace_id})


def edit(api, key, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.send(form_event(FIELDS, names), key)


@pytest.mark.parametrize("path", PATHS)
def test_virtual_key_pays_for_the_edits_of_its_workspace(api, acme, upstream, path):
    made = create(api, acme, path)
    assert (made.status, made.json["success"]) == (200, True)
    slug = made.json["data"]["slug"]
    assert slug.startswith("our-openai-")
    _, key = api.key(acme)
    assert edit(api, key, x_portkey_virtual_key=slug).status == 200
    assert edit(api, key, x_portkey_provider=f"@{slug}").status == 200
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent == [f"Bearer {SECRET}"] * 2


def test_provider_key_is_shown_masked_only(api, acme):
    slug = create(api, acme).json["slug"]
    answers = [
        api.call("GET", f"/v1/virtual-keys/{slug}"),
        api.call("GET", "/v1/virtual-keys"),
        api.call("PUT", f"/v1/virtual-keys/{slug}", {"note": "x"}),
        api.call("GET", "/v1/audit-logs"),
    ]
    assert answers[0].json["key"] == "sk-...x4f2"
    assert all(SECRET not in answer.text for answer in answers)
    short = create(api, acme, key="sk-short").json["slug"]
    assert api.call("GET", f"/v1/virtual-keys/{short}").json["key"] == "..."


def test_virtual_key_of_another_workspace_is_the_same_as_none(api, acme, upstream):
    slug, other = create(api, acme).json["slug"], api.workspace("other")
    scopes = [f"virtual_keys.{a}" for a in ("read", "list", "update", "delete")]
    _, key = api.key(other, scopes=["completions.write", *scopes])
    answers = [edit(api, key, x_portkey_virtual_key=name) for name in (slug, "none-such")]
    assert [answer.status for answer in answers] == [400, 400]
    messages = [answer.json["error"]["message"] for answer in answers]
    assert messages[0].replace(slug, "none-such") == messages[1]
    assert upstream.calls == []
    for method in ("GET", "PUT", "DELETE"):
        assert api.call(method, f"/v1/virtual-keys/{slug}", {}, key=key).status == 404
    assert api.call("GET", "/v1/virtual-keys", key=key).json["total"] == 0


def test_new_provider_key_pays_after_a_minute_and_a_deleted_one_never(api, acme, upstream):
    slug = create(api, acme).json["slug"]
    _, key = api.key(acme)
    edit(api, key, x_portkey_virtual_key=slug)
    api.call("PUT", f"/v1/virtual-keys/{slug}", {"key": "sk-the-second-key-of-acme-1"})
    api.clock.advance(60)
    edit(api, key, x_portkey_virtual_key=slug)
    assert api.call("DELETE", f"/v1/virtual-keys/{slug}").json["deleted"] is True
    api.clock.advance(60)
    assert edit(api, key, x_portkey_virtual_key=slug).status == 400
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent == [f"Bearer {SECRET}", "Bearer sk-the-second-key-of-acme-1"]
    assert api.stores.secrets.get(acme, slug) is None


def test_expired_virtual_key_pays_no_more(api, acme, upstream):
    slug = create(api, acme, expires_at="2026-11-22T00:01:00Z").json["slug"]
    _, key = api.key(acme)
    assert edit(api, key, x_portkey_virtual_key=slug).status == 200
    api.clock.advance(60)
    assert edit(api, key, x_portkey_virtual_key=slug).status == 400
    assert api.call("GET", f"/v1/virtual-keys/{slug}").json["status"] == "expired"
    assert len(upstream.calls) == 1


def test_options_of_azure_are_those_of_portkeys_fields(api, acme):
    fields = {"apiVersion": "2025-04-01", "resourceName": "res", "deploymentName": "dep"}
    slug = create(api, acme, provider="@azure-openai", **fields).json["slug"]
    assert api.call("GET", f"/v1/virtual-keys/{slug}").json["options"] == {
        "azure-api-version": "2025-04-01",
        "azure-resource-name": "res",
        "azure-deployment-id": "dep",
    }


def test_limits_of_a_virtual_key_are_returned_as_they_were_sent(api, acme):
    limits = {
        "usage_limits": {
            "type": "cost",
            "credit_limit": 5,
            "alert_threshold": 4,
            "periodic_reset": "monthly",
            "periodic_reset_days": None,
            "next_usage_reset_at": "2026-12-01T00:00:00.000Z",
        },
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 9}],
    }
    slug = create(api, acme, **limits).json["slug"]
    shown = api.call("GET", f"/v1/virtual-keys/{slug}").json
    assert {name: shown[name] for name in limits} == limits


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"provider": "local"}, "provider"),
        ({"key": ""}, "key"),
        ({"key": "sk-é"}, "key"),
        ({"key": "rt_" + "k" * 43}, "key"),
        ({"slug": "openai"}, "slug"),
        ({"slug": "A b"}, "slug"),
        ({"resourceName": "x"}, "resourceName"),
        ({"options": {"x": "y"}}, "options"),
        ({"provider": "azure-openai", "options": {"azure-ad-token": "t"}}, "options"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_invalid_virtual_key_is_refused_by_name_without_its_secret(api, acme, fields, param):
    answer = create(api, acme, **fields)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)
    assert SECRET not in answer.text
    assert "kkkk" not in answer.text


def test_slug_is_unique_within_its_workspace_only(api, acme):
    other = api.workspace("other")
    assert create(api, acme, slug="main").status == 200
    assert create(api, acme, slug="main", key="sk-another").status == 409
    assert create(api, other, slug="main", key="sk-of-other-000000").status == 200
    assert api.stores.secrets.get(acme, "main") == SECRET


def test_repeated_create_returns_the_same_virtual_key(api, acme):
    headers = {"Idempotency-Key": "one"}
    body = {"name": "n", "provider": "openai", "key": SECRET, "workspace_id": acme}
    first, second = (api.call("POST", PATHS[0], body, headers=headers) for _ in range(2))
    assert first.json == second.json
    assert api.call("GET", PATHS[0]).json["total"] == 1


def test_virtual_key_whose_secret_is_not_stored_is_removed_again(api, acme, monkeypatch):
    def fail(*_):
        raise TenantsUnavailable("no")

    monkeypatch.setattr(SecretFolder, "put", fail)
    assert create(api, acme).status == 503
    assert api.call("GET", PATHS[0]).json["total"] == 0


@pytest.mark.parametrize("failure", [TenantsUnavailable("no"), ProcessKilled()])
def test_repeated_create_stores_the_secret_that_the_first_one_could_not(api, acme, failure):
    body = {"name": "n", "slug": "n", "provider": "openai", "key": SECRET, "workspace_id": acme}
    headers = {"Idempotency-Key": "one"}
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(ProcessKilled):
        patch.setattr(SecretFolder, "put", Mock(side_effect=failure))
        assert api.call("POST", PATHS[0], body, headers=headers).status == 503
    assert api.stores.secrets.get(acme, "n") is None
    assert api.call("POST", PATHS[0], body, headers=headers).status == 200
    assert api.stores.secrets.get(acme, "n") == SECRET


def test_repeated_create_does_not_bring_an_older_secret_back(api, acme):
    body = {"name": "n", "slug": "n", "provider": "openai", "key": SECRET, "workspace_id": acme}
    headers = {"Idempotency-Key": "one"}
    assert api.call("POST", PATHS[0], body, headers=headers).status == 200
    assert api.call("PUT", f"{PATHS[0]}/n", {"key": "sk-the-newer-one"}).status == 200
    assert api.call("POST", PATHS[0], body, headers=headers).status == 200
    assert api.stores.secrets.get(acme, "n") == "sk-the-newer-one"


def test_deleted_workspace_takes_its_provider_keys_with_it(api, acme):
    slug = create(api, acme).json["slug"]
    assert api.call("DELETE", f"/v1/admin/workspaces/{acme}").status == 200
    assert api.stores.secrets.get(acme, slug) is None
