"""Tests of the route with which an operator ends an order whose outcome nobody knew."""

from dataclasses import replace

import pytest

from retouch.orders.reconciliation import Finding
from retouch.orders.stores import OrderConflict
from tests.support.budget_system import LEASE_SECONDS, BudgetSystem
from tests.support.tenants import AdminApi
from tools.reconcile import reconcile as tools_reconcile
from tools.stack import CommandError

HELD = 300


@pytest.fixture
def system():
    """Return orders and budgets with an order whose process has ended after it was sent, so that it is at risk."""
    system = BudgetSystem()
    system.buy(HELD)
    system.clock.advance(LEASE_SECONDS + 1)
    system.sweep()
    return system


@pytest.fixture
def api(tmp_path, system):
    api = AdminApi(tmp_path)
    api.services = replace(api.services, orders=system.stores)
    return api


def order_of(system):
    (order,) = system.orders.orders.values()
    return order


def reconcile(api, system, body, **options):
    path = f"/v1/admin/orders/{order_of(system).id}/reconcile"
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
def test_finding_corrects_every_budget_once(api, system, body, spent, state):
    answer = reconcile(api, system, body)
    assert (answer.status, answer.json["state"]) == (200, state)
    again = reconcile(api, system, {"billed": "no"})
    assert (again.status, again.json["error"]["code"]) == (409, "order_outcome_known")
    for account in ("key#k_1", "ws#w_1"):
        row = system.row(account)
        assert (row.taken, row.spent, row.at_risk, row.holds) == (spent, spent, 0, {})


@pytest.mark.parametrize("account", ["key#k_1", "ws#w_1"])
def test_sweep_during_a_reconciliation_corrects_every_budget_once(api, system, account):
    restore = system.budgets.restore

    def sweep_and_restore(row, *values):
        if row.account == account:
            system.budgets.restore = restore
            system.sweep()
        restore(row, *values)

    system.budgets.restore = sweep_and_restore
    answer = reconcile(api, system, {"billed": "yes", "cost_usd": 0.000123})
    assert (answer.status, answer.json["state"], answer.json["cost_usd"]) == (200, "done", 0.000123)
    system.sweep()
    for name in ("key#k_1", "ws#w_1"):
        row = system.row(name)
        assert (row.taken, row.spent, row.at_risk, row.holds) == (123, 123, 0, {})


def test_cost_without_a_price_is_refused_for_a_workspace_with_a_price_of_its_own(api, system):
    order = order_of(system)
    owner = api.workspace(price={"multiplier": 1.5})
    system.orders.orders[order.key] = replace(order, scope=owner)
    answer = reconcile(api, system, {"billed": "yes", "cost_usd": 0.04})
    assert (answer.status, answer.json["error"]["param"]) == (400, "price_usd")
    assert (order_of(system).state, audit_rows(api)) == ("unknown", [])
    finding = Finding("yes", 40_000)
    with pytest.raises(CommandError, match="PRICE"):
        tools_reconcile(order.id, finding, system.orders, None, 0, api.stores.table)
    body = {"billed": "yes", "cost_usd": 0.04, "price_usd": 0.06}
    assert reconcile(api, system, body).json["price_usd"] == 0.06


def test_order_keeps_the_cost_and_tells_its_caller_the_price(api, system):
    answer = reconcile(api, system, {"billed": "yes", "cost_usd": 0.04, "price_usd": 0.06})
    assert (answer.json["cost_usd"], answer.json["price_usd"]) == (0.04, 0.06)
    order = order_of(system)
    assert (order.cost, order.cost_usd, order.price) == ("0.04", 0.06, 60_000)


def test_finding_has_an_audit_row(api, system):
    reconcile(api, system, {"billed": "no"})
    rows = api.call("GET", "/v1/audit-logs").json["data"]
    (row,) = [row for row in rows if row["action"] == "order.reconcile"]
    assert row["resource_id"] == order_of(system).id
    assert (row["before"]["state"], row["after"]["billed"]) == ("unknown", "no")
    _, key = api.key("default", scopes=["audit_logs.list"])
    assert "order.reconcile" not in api.call("GET", "/v1/audit-logs", key=key).text


def test_repetition_with_its_idempotency_key_gets_the_same_answer(api, system):
    body, headers = {"billed": "yes", "cost_usd": 0.0002}, {"Idempotency-Key": "find-1"}
    first, second = (reconcile(api, system, body, headers=headers) for _ in range(2))
    assert (first.status, first.json) == (second.status, second.json)
    assert system.row().spent == 200
    rows = api.call("GET", "/v1/audit-logs").json["data"]
    assert [row["action"] for row in rows].count("order.reconcile") == 1


def audit_rows(api):
    rows = api.call("GET", "/v1/audit-logs").json["data"]
    return [row["after"]["billed"] for row in rows if row["action"] == "order.reconcile"]


@pytest.mark.parametrize("write", ["audit row", "order"])
def test_finding_during_another_one_is_refused_without_an_audit_row(
    api, system, write, monkeypatch
):
    table = api.stores.table if write == "audit row" else system.orders
    original, others = table.write, []

    def reconcile_and_write(*args, **named):
        monkeypatch.setattr(table, "write", original)
        others.append(reconcile(api, system, {"billed": "no"}))
        return original(*args, **named)

    monkeypatch.setattr(table, "write", reconcile_and_write)
    answer = reconcile(api, system, {"billed": "yes", "cost_usd": 0.0002})
    (other,) = others
    assert sorted([answer.status, other.status]) == [200, 409]
    assert audit_rows(api) == (["no"] if other.status == 200 else ["yes"])
    assert system.row().spent == (0 if other.status == 200 else 200)


def test_finding_after_a_crash_without_an_idempotency_key_is_taken_a_minute_later(
    api, system, monkeypatch
):
    def crash(order, replaces):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(system.orders, "write", crash)
        assert reconcile(api, system, {"billed": "no"}).status == 500
    assert reconcile(api, system, {"billed": "no"}).status == 409
    api.clock.advance(60)
    assert reconcile(api, system, {"billed": "no"}).status == 200
    assert system.row().spent == 0


def test_crash_after_the_audit_row_leaves_the_order_to_the_repetition(api, system, monkeypatch):
    def crash(order, replaces):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(system.orders, "write", crash)
        answer = reconcile(api, system, {"billed": "no"}, headers={"Idempotency-Key": "find-1"})
        assert answer.status == 500
    assert system.row().at_risk == HELD
    answer = reconcile(api, system, {"billed": "no"}, headers={"Idempotency-Key": "find-1"})
    assert answer.status == 200
    assert system.row().at_risk == system.row().spent == 0


def test_table_of_budgets_that_is_down_leaves_the_correction_to_the_sweeper(api, system):
    system.budgets.is_down = True
    assert reconcile(api, system, {"billed": "no"}).status == 200
    system.budgets.is_down = False
    assert system.row().spent == HELD
    system.clock.advance(LEASE_SECONDS + 1)
    system.sweep()
    assert system.row().spent == 0


def test_order_that_changes_meanwhile_is_refused(api, system, monkeypatch):
    def refuse(order, replaces):
        raise OrderConflict(replaces)

    monkeypatch.setattr(system.orders, "write", refuse)
    answer = reconcile(api, system, {"billed": "no"})
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
def test_finding_of_another_form_is_refused_and_changes_nothing(api, system, body):
    assert reconcile(api, system, body).status == 400
    assert (order_of(system).state, system.row().at_risk) == ("unknown", HELD)


@pytest.mark.parametrize("identifier", ["ord_1", "..%2Fapi-keys", "ord_" + "a" * 34, "ord_é"])
def test_order_that_does_not_exist_is_not_found(api, identifier):
    path = f"/v1/admin/orders/{identifier}/reconcile"
    assert api.call("POST", path, {"billed": "no"}).status == 404


def test_only_a_key_of_the_organisation_may_reconcile(api, system):
    _, key = api.key(api.workspace(), scopes=["workspaces.list", "logs.write"])
    answer = reconcile(api, system, {"billed": "no"}, key=key)
    assert (answer.status, answer.json["error"]["code"]) == (403, "insufficient_scope")


def test_gateway_without_a_table_of_orders_says_so(tmp_path, system):
    answer = reconcile(AdminApi(tmp_path), system, {"billed": "no"})
    assert (answer.status, "RETOUCH_ORDERS_TABLE" in answer.text) == (503, True)
