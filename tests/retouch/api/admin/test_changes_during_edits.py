"""Changes over the admin API while edits run: limits, rotation, expiry and the end of a month. Amounts of any kind."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.orders.stores import OrderStores
from retouch.tenants.budget_rows import BudgetRow
from tests.support.budgets import InMemoryBudgets, RecordedNotices
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part
from tests.support.images import b64, photo
from tests.support.orders import InMemoryOrders
from tests.support.tenants import AdminApi
from tests.support.upstream import Upstream, json_response

IMAGE = photo(64, 64)
PRICE, PRICE_USD, RUNNING = 50_000, 0.05, 20
SCOPES = ["completions.write"]


class Gateway(AdminApi):
    """The admin function and the edits function, with budgets and orders in memory and a provider that can wait."""

    def __init__(self, folder, upstream):
        self.budgets, self.orders, self.upstream = InMemoryBudgets(), InMemoryOrders(), upstream
        ledger = BudgetLedger(lambda: self.budgets, RecordedNotices())
        env = {
            "OPENAI_BASE_URL": upstream.url,
            "RETOUCH_CEILINGS": f"openai/gpt-image-2={PRICE_USD}",
        }
        super().__init__(
            folder,
            env,
            secrets={"OPENAI_API_KEY": "sk"},
            orders=OrderStores(self.orders, self.orders, ledger=ledger),
            open_budgets=lambda: self.budgets,
        )
        self.shop = self.workspace("shop")

    def limited_key(self, dollars, **fields):
        limit = {"credit_limit": dollars, "periodic_reset": "monthly"}
        return self.key(self.shop, scopes=SCOPES, usage_limits=limit, **fields)

    def edit(self, key):
        fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
        return self.send(form_event(fields), key)

    def quota(self, key):
        return self.send(proxy_event(method="GET", path="/v1/quota"), key)

    def change(self, identifier, **fields):
        answer = self.call("PUT", f"/v1/api-keys/{identifier}", fields)
        assert answer.status == 200, answer.text

    def row(self, identifier, period="2026-11"):
        return self.budgets.rows.get((f"key#{identifier}", period), BudgetRow())

    def run_during_edits(self, key, number, act):
        """Start edits, act while the provider works on all of them, and return their statuses."""
        calls = len(self.upstream.calls)
        self.upstream.responses[0].delay = 0.5
        with ThreadPoolExecutor(number) as pool:
            edits = [pool.submit(self.edit, key) for _ in range(number)]
            while len(self.upstream.calls) < calls + number and not edits[0].done():
                threading.Event().wait(0.01)
            act()
            statuses = [one.result().status for one in edits]
        self.upstream.responses[0].delay = 0.0
        return statuses


@pytest.fixture
def gateway(tmp_path):
    with Upstream(json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})) as upstream:
        yield Gateway(tmp_path, upstream)


def test_limit_that_is_lowered_refuses_new_edits_in_a_minute_and_ends_no_running_one(gateway):
    identifier, key = gateway.limited_key(RUNNING * PRICE_USD)

    def lower():
        gateway.change(identifier, usage_limits={"credit_limit": 0.01, "periodic_reset": "monthly"})

    assert gateway.run_during_edits(key, RUNNING, lower) == [200] * RUNNING
    assert gateway.row(identifier) == BudgetRow(RUNNING * PRICE, RUNNING * PRICE)
    gateway.clock.advance(60)
    assert gateway.edit(key).json["error"]["code"] == "budget_exceeded"
    more = {"credit_limit": (RUNNING + 1) * PRICE_USD, "periodic_reset": "monthly"}
    gateway.change(identifier, usage_limits=more)
    gateway.clock.advance(60)
    assert [gateway.edit(key).status for _ in range(2)] == [200, 429]
    gateway.change(identifier, usage_limits=None)
    gateway.clock.advance(60)
    assert gateway.edit(key).status == 200


def test_key_that_is_rotated_during_an_edit_charges_the_same_budget(gateway):
    identifier, old = gateway.limited_key(2 * PRICE_USD)
    new = []

    def rotate():
        answer = gateway.call("POST", f"/v1/api-keys/{identifier}/rotate", {})
        new.append(answer.json["key"])

    assert gateway.run_during_edits(old, 1, rotate) == [200]
    gateway.clock.advance(60)
    assert gateway.edit(old).status == 401
    assert [gateway.edit(new[0]).status for _ in range(2)] == [200, 429]
    assert gateway.row(identifier) == BudgetRow(2 * PRICE, 2 * PRICE)


@pytest.mark.parametrize("end", ["expiry", "deletion"])
def test_key_that_ends_during_an_edit_is_charged_for_it_and_makes_no_other(gateway, end):
    identifier, key = gateway.limited_key(1.0, expires_at="2026-11-22T00:00:30Z")

    def end_key():
        if end == "deletion":
            assert gateway.call("DELETE", f"/v1/api-keys/{identifier}").status == 200
        gateway.clock.advance(31)

    assert gateway.run_during_edits(key, 1, end_key) == [200]
    assert gateway.row(identifier) == BudgetRow(PRICE, PRICE)
    gateway.clock.advance(60)
    assert gateway.edit(key).status == 401


def test_edit_over_the_end_of_a_month_is_charged_to_the_month_in_which_it_began(gateway):
    identifier, key = gateway.limited_key(PRICE_USD)
    end = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    gateway.clock.advance(end - 5 - gateway.clock.unix_time())
    assert gateway.run_during_edits(key, 1, lambda: gateway.clock.advance(10)) == [200]
    assert gateway.row(identifier) == BudgetRow(PRICE, PRICE)
    assert gateway.row(identifier, "2026-12") == BudgetRow()
    (limit,) = gateway.quota(key).json["limits"]
    assert (limit["taken_usd"], limit["resets_at"]) == (0, "2027-01-01T00:00:00Z")
    assert [gateway.edit(key).status for _ in range(2)] == [200, 429]


def test_process_whose_clock_is_late_keeps_the_limit_of_the_old_month(gateway):
    identifier, key = gateway.limited_key(PRICE_USD)
    end = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    gateway.clock.advance(end - 5 - gateway.clock.unix_time())
    assert [gateway.edit(key).status for _ in range(2)] == [200, 429]
    gateway.clock.advance(10)
    assert gateway.edit(key).status == 200
    gateway.clock.advance(-10)  # the clock of another process
    assert gateway.edit(key).status == 429
    gateway.clock.advance(10)
    assert gateway.edit(key).status == 429
    for period in ("2026-11", "2026-12"):
        assert gateway.row(identifier, period).spent == PRICE


AMOUNTS = [-1, -0.000001, 0.0000001, 1e300, 10**30, "5", True, [1], {"usd": 1}]


@pytest.mark.parametrize("amount", AMOUNTS)
def test_amount_that_is_no_number_of_micro_dollars_is_refused_at_every_field(gateway, amount):
    key = {"name": "x", "workspace_id": gateway.shop}
    path = f"/v1/admin/workspaces/{gateway.shop}"
    refused = [
        gateway.call("POST", f"{path}/credits", {"amount": amount}),
        gateway.call("PUT", path, {"price": {"multiplier": amount}}),
        gateway.call("PUT", path, {"price": {"per_picture_usd": amount}}),
        gateway.call("PUT", path, {"usage_limits": {"credit_limit": amount}}),
        gateway.call(
            "POST",
            "/v1/api-keys/workspace/service",
            {**key, "usage_limits": {"credit_limit": 1, "alert_threshold": amount}},
        ),
        gateway.call("PUT", path, {"concurrency": amount}),
        gateway.call(
            "PUT", path, {"rate_limits": [{"type": "requests", "unit": "rpm", "value": amount}]}
        ),
    ]
    assert [answer.status for answer in refused] == [400] * len(refused)
    workspace = gateway.call("GET", path).json
    assert workspace["usage_limits"] == workspace["rate_limits"] == []
    assert workspace["price"] == {"multiplier": 1, "per_picture_usd": 0}


@pytest.mark.parametrize(
    "name", ["Üñïçødé ❤ 店", "مرحبا", "../../etc/passwd", "a'b\"c;--", "%2e%2e"]
)
def test_name_of_any_characters_is_kept_as_it_is(gateway, name):
    made = gateway.call("POST", "/v1/admin/workspaces", {"name": name})
    assert made.status == 200, made.text
    assert gateway.call("GET", f"/v1/admin/workspaces/{made.json['slug']}").json["name"] == name
    identifier, key = gateway.key(made.json["id"], scopes=SCOPES, name=name)
    assert gateway.call("GET", f"/v1/api-keys/{identifier}").json["name"] == name
    assert gateway.edit(key).status == 200


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x00b", "\u202eevil", "x" * 129, 5])
def test_name_that_could_forge_a_log_line_is_refused(gateway, name):
    assert gateway.call("POST", "/v1/admin/workspaces", {"name": name}).status == 400
