"""Tests of the workspaces API."""

from dataclasses import replace

import pytest

from retouch.api.admin import workspaces
from retouch.infrastructure.local.budget_folder import BudgetFolderTable
from retouch.tenants.budget_rows import RowHold, RowLimit
from retouch.tenants.budget_table import RowName
from retouch.tenants.rows import read_workspace
from tests.support.tenants import AdminApi


@pytest.fixture
def api(tmp_path):
    return AdminApi(tmp_path)


def test_workspace_is_found_by_id_and_by_slug(api):
    identifier = api.workspace("acme", description="a customer")
    for name in (identifier, "acme"):
        shown = api.call("GET", f"/v1/admin/workspaces/{name}").json
        assert (shown["id"], shown["slug"], shown["object"]) == (identifier, "acme", "workspace")
    listed = api.call("GET", "/v1/admin/workspaces").json
    assert {item["slug"] for item in listed["data"]} == {"default", "acme"}
    named = api.call("GET", "/v1/admin/workspaces?exact_name=acme").json
    assert [item["id"] for item in named["data"]] == [identifier]


def test_limits_and_price_of_a_workspace_are_returned_as_they_were_sent(api):
    fields = {
        "usage_limits": [
            {
                "type": "cost",
                "credit_limit": 10.5,
                "alert_threshold": None,
                "periodic_reset": None,
                "periodic_reset_days": 30,
                "next_usage_reset_at": "2026-12-03T00:00:00.000Z",
            }
        ],
        "rate_limits": [{"type": "requests", "unit": "rps", "value": 2}],
        "concurrency": 20,
        "price": {"multiplier": 1.2, "per_picture_usd": 0.01},
        "defaults": {"metadata": {}, "config_id": None, "allow_config_override": True},
    }
    identifier = api.workspace("acme", **fields)
    shown = api.call("GET", f"/v1/admin/workspaces/{identifier}").json
    assert {name: shown[name] for name in fields} == fields
    changed = api.call("PUT", f"/v1/admin/workspaces/{identifier}", {"price": None}).json
    assert changed["price"] == {"multiplier": 1.0, "per_picture_usd": 0.0}
    assert changed["usage_limits"] == fields["usage_limits"]


def test_slug_belongs_to_one_workspace(api):
    api.workspace("acme")
    for slug in ("acme", "default"):
        answer = api.call("POST", "/v1/admin/workspaces", {"name": "x", "slug": slug})
        assert (answer.status, answer.json["error"]["param"]) == (409, "slug")
    assert api.call("POST", "/v1/admin/workspaces", {"name": "x", "slug": "A b"}).status == 400
    made = api.call("POST", "/v1/admin/workspaces", {"name": "Ä Shop & Söhne"}).json
    assert made["slug"].startswith("shop-s-hne-")


def test_repeated_create_returns_the_same_workspace(api):
    body, headers = {"name": "acme"}, {"Idempotency-Key": "one"}
    answers = [api.call("POST", "/v1/admin/workspaces", body, headers=headers) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert api.call("GET", "/v1/admin/workspaces").json["total"] == 2


def test_default_workspace_is_changed_and_not_deleted(api):
    changed = api.call("PUT", "/v1/admin/workspaces/default", {"concurrency": 7})
    assert (changed.status, changed.json["concurrency"]) == (200, 7)
    assert api.call("GET", "/v1/admin/workspaces/default").json["concurrency"] == 7
    assert api.call("DELETE", "/v1/admin/workspaces/default").status == 409


def test_key_of_a_workspace_sees_only_its_workspace(api):
    one, other = api.workspace("one"), api.workspace("other")
    _, key = api.key(one, scopes=["workspaces.list", "workspaces.read"])
    listed = api.call("GET", "/v1/admin/workspaces", key=key).json["data"]
    assert [item["id"] for item in listed] == [one]
    assert api.call("GET", f"/v1/admin/workspaces/{other}", key=key).status == 404
    assert api.call("GET", "/v1/admin/workspaces/other", key=key).status == 404


def test_deleted_workspace_takes_its_keys_with_it(api):
    identifier = api.workspace("acme")
    _, key = api.key(identifier)
    assert api.models_status(key) == 200
    assert api.call("DELETE", f"/v1/admin/workspaces/{identifier}").status == 200
    api.clock.advance(60)
    assert api.models_status(key) == 401
    assert api.call("GET", f"/v1/admin/workspaces/{identifier}").status == 404
    api.workspace("acme")  # the slug is free again
    actions = {entry["action"] for entry in api.call("GET", "/v1/audit-logs").json["data"]}
    assert {"workspace.delete", "api_key.delete"} <= actions


def test_workspace_with_edits_in_flight_is_not_deleted(api):
    limits = {"usage_limits": [{"credit_limit": 1}]}
    identifier = api.workspace("acme", **limits)
    key_id, key = api.key(identifier, usage_limits={"credit_limit": 1})
    table = BudgetFolderTable(str(api.folder))
    api.services = replace(api.services, open_budgets=lambda: table)
    for account in (f"ws#{identifier}", f"key#{key_id}"):
        row = RowName(account, "all")
        table.hold(row, "ord_1.1", RowHold(5, api.clock.unix_time() + 60), RowLimit(100, 5))
        answer = api.call("DELETE", f"/v1/admin/workspaces/{identifier}")
        assert (answer.status, answer.json["error"]["code"]) == (409, "workspace_in_use")
        api.clock.advance(60)
        assert api.models_status(key) == 200
        table.settle(row, "ord_1.1", 5, 5, 0)
    assert api.call("DELETE", f"/v1/admin/workspaces/{identifier}").status == 200


def test_credits_raise_the_prepaid_limit_once_for_each_idempotency_key(api):
    monthly = {"credit_limit": 9, "periodic_reset": "monthly"}
    identifier = api.workspace("acme", usage_limits=[monthly])
    path = f"/v1/admin/workspaces/{identifier}/credits"
    for body in (
        {"amount": 2.5, "idempotency_key": "a"},
        {"amount": 2.5, "idempotency_key": "a"},
        {"amount": 0.000001, "idempotency_key": "b"},
    ):
        assert api.call("POST", path, body).status == 200
    limits = api.call("GET", f"/v1/admin/workspaces/{identifier}").json["usage_limits"]
    amounts = {limit["periodic_reset"]: limit["credit_limit"] for limit in limits}
    assert amounts == {None: 2.500001, "monthly": 9}
    reused = api.call("POST", path, {"amount": 3, "idempotency_key": "a"})
    assert (reused.status, reused.json["error"]["code"]) == (422, "idempotency_key_reused")
    for amount in (0, -1, "1"):
        assert api.call("POST", path, {"amount": amount}).status == 400


def test_limit_says_when_it_resets_and_goes_on_to_count_after_a_change(api):
    limits = [{"credit_limit": 1, "periodic_reset": "monthly"}, {"credit_limit": 5}]
    identifier = api.workspace("acme", usage_limits=limits)
    path = f"/v1/admin/workspaces/{identifier}"
    shown = api.call("GET", path).json["usage_limits"]
    resets = [limit["next_usage_reset_at"] for limit in shown]
    assert resets == ["2026-12-01T00:00:00.000Z", None]
    assert api.call("PUT", path, {"reset_usage": True}).status == 200
    changed = api.call("PUT", path, {"usage_limits": [{**shown[0], "credit_limit": 2}]})
    assert changed.json["usage_limits"][0]["credit_limit"] == 2
    workspace = read_workspace(api.stores.table, identifier)
    assert workspace
    assert [limit.epoch for limit in workspace.usage_limits] == [1]


@pytest.mark.parametrize(
    "change", [("POST", "/credits", {"amount": 7}), ("PUT", "", {"name": "x"})]
)
def test_change_of_a_workspace_that_another_request_changes_meanwhile_is_refused(
    api, monkeypatch, change
):
    path = f"/v1/admin/workspaces/{api.workspace('acme')}"
    save, waiting = workspaces.save_workspace, [change]

    def save_later(*args):
        for method, ending, body in [waiting.pop()] if waiting else []:
            assert api.call(method, path + ending, body).status == 200
        save(*args)

    monkeypatch.setattr(workspaces, "save_workspace", save_later)
    refused = api.call("POST", f"{path}/credits", {"amount": 5, "idempotency_key": "a"})
    assert (refused.status, refused.json["error"]["code"]) == (409, "conflict")
    again = api.call("POST", f"{path}/credits", {"amount": 5, "idempotency_key": "a"})
    amounts = [limit["credit_limit"] for limit in again.json["usage_limits"]]
    assert (amounts, again.json["name"]) == (([12], "acme") if change[1] else ([5], "x"))
