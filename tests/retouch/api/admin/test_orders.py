"""Tests of the route with which an operator ends an order whose outcome nobody knew."""

from dataclasses import replace

import pytest

from retouch.orders.stores import OrderConflict
from tests.retouch.gateway.budgets.test_budget_holds import LEASE_SECONDS, World
from tests.support.tenants import AdminApi

HELD = 300


@pytest.fixture
def world():
    """Return a world with an order whose process has ended after it was sent, so that it is at risk."""
    world = World()
    world.buy(HELD)
    world.clock.advance(LEASE_SECONDS + 1)
    world.sweep()
    return world


@pytest.fixture
def api(tmp_path, world):
    api = AdminApi(tmp_path)
    api.services = replace(api.services, orders=world.stores)
    return api


def order_of(world):
    (order,) = world.orders.orders.values()
    return order


def reconcile(api, world, body, **options):
    path = f"/v1/admin/orders/{order_of(world).id}/reconcile"
    return api.call("POST", path, body, **options)


@pytest.mark.parametrize(
    ("body", "spent", "state"),
    [
        ({"billed": "no"}, 0, "open"),
        ({"billed": "yes", "cost_usd": 0.000123}, 123, "done"),
        ({"billed": "yes", "cost_usd": 0.000123, "price_usd": 0.000456}, 456, "done"),
        ({"billed": "yes"}, HELD, "done"),
    ],
)
def test_finding_corrects_every_budget_once(api, world, body, spent, state):
    answer = reconcile(api, world, body)
    assert (answer.status, answer.json["state"]) == (200, state)
    again = reconcile(api, world, {"billed": "no"})
    assert (again.status, again.json["error"]["code"]) == (409, "order_outcome_known")
    for account in ("key#k_1", "ws#w_1"):
        row = world.row(account)
        assert (row.taken, row.spent, row.at_risk, row.holds) == (spent, spent, 0, {})


def test_order_keeps_the_cost_and_tells_its_caller_the_price(api, world):
    answer = reconcile(api, world, {"billed": "yes", "cost_usd": 0.04, "price_usd": 0.06})
    assert (answer.json["cost_usd"], answer.json["price_usd"]) == (0.04, 0.06)
    order = order_of(world)
    assert (order.cost, order.cost_usd, order.price) == ("0.04", 0.06, 60_000)


def test_finding_has_an_audit_row(api, world):
    reconcile(api, world, {"billed": "no"})
    rows = api.call("GET", "/v1/audit-logs").json["data"]
    (row,) = [row for row in rows if row["action"] == "order.reconcile"]
    assert row["resource_id"] == order_of(world).id
    assert (row["before"]["state"], row["after"]["billed"]) == ("unknown", "no")
    _, key = api.key("default", scopes=["audit_logs.list"])
    assert "order.reconcile" not in api.call("GET", "/v1/audit-logs", key=key).text


def test_repetition_with_its_idempotency_key_gets_the_same_answer(api, world):
    body, headers = {"billed": "yes", "cost_usd": 0.0002}, {"Idempotency-Key": "find-1"}
    first, second = (reconcile(api, world, body, headers=headers) for _ in range(2))
    assert (first.status, first.json) == (second.status, second.json)
    assert world.row().spent == 200
    rows = api.call("GET", "/v1/audit-logs").json["data"]
    assert [row["action"] for row in rows].count("order.reconcile") == 1


def test_crash_after_the_audit_row_leaves_the_order_to_the_repetition(api, world, monkeypatch):
    def crash(order, replaces):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(world.orders, "write", crash)
        answer = reconcile(api, world, {"billed": "no"}, headers={"Idempotency-Key": "find-1"})
        assert answer.status == 500
    assert world.row().at_risk == HELD
    answer = reconcile(api, world, {"billed": "no"}, headers={"Idempotency-Key": "find-1"})
    assert answer.status == 200
    assert world.row().at_risk == world.row().spent == 0


def test_table_of_budgets_that_is_down_leaves_the_correction_to_the_sweeper(api, world):
    world.budgets.is_down = True
    assert reconcile(api, world, {"billed": "no"}).status == 200
    world.budgets.is_down = False
    assert world.row().spent == HELD
    world.clock.advance(LEASE_SECONDS + 1)
    world.sweep()
    assert world.row().spent == 0


def test_order_that_changes_meanwhile_is_refused(api, world, monkeypatch):
    def refuse(order, replaces):
        raise OrderConflict(replaces)

    monkeypatch.setattr(world.orders, "write", refuse)
    answer = reconcile(api, world, {"billed": "no"})
    assert (answer.status, answer.json["error"]["code"]) == (409, "order_outcome_known")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"billed": "perhaps"},
        {"billed": "no", "cost_usd": 0.1},
        {"billed": "yes", "cost_usd": -0.1},
        {"billed": "yes", "cost_usd": 1e300},
        {"billed": "yes", "cost_usd": "0.04"},
        {"billed": "yes", "price_usd": 0.0000001},
        {"billed": "yes", "amount": 1},
    ],
)
def test_finding_of_another_form_is_refused_and_changes_nothing(api, world, body):
    assert reconcile(api, world, body).status == 400
    assert (order_of(world).state, world.row().at_risk) == ("unknown", HELD)


@pytest.mark.parametrize("identifier", ["ord_1", "..%2Fapi-keys", "ord_" + "a" * 34, "ord_é"])
def test_order_that_does_not_exist_is_not_found(api, identifier):
    path = f"/v1/admin/orders/{identifier}/reconcile"
    assert api.call("POST", path, {"billed": "no"}).status == 404


def test_only_a_key_of_the_organisation_may_reconcile(api, world):
    _, key = api.key(api.workspace(), scopes=["workspaces.list", "logs.write"])
    answer = reconcile(api, world, {"billed": "no"}, key=key)
    assert (answer.status, answer.json["error"]["code"]) == (403, "insufficient_scope")


def test_gateway_without_a_table_of_orders_says_so(tmp_path, world):
    answer = reconcile(AdminApi(tmp_path), world, {"billed": "no"})
    assert (answer.status, "RETOUCH_ORDERS_TABLE" in answer.text) == (503, True)
