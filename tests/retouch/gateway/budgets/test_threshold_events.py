"""The webhook of a budget's threshold: once in a period, to the owner of the budget, also when the sweeper settles."""

import json
from dataclasses import replace

import pytest

from retouch.core.errors import WebhooksUnavailable
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.orders.sweeper import sweep
from retouch.tenants.keys import DEFAULT_WORKSPACE, GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit
from tests.support.budget_gateway import BudgetGateway, make_virtual_key, success
from tests.support.upstream import Upstream, json_response
from tests.support.webhooks import WebhookSystem

ALERTED = (UsageLimit("cost", 1_000_000, alert_threshold=50_000),)
NONE: tuple[UsageLimit, ...] = ()
TYPES = ("budget.threshold",)


class Gateway(BudgetGateway):
    """A gateway whose thresholds are told to webhooks."""

    def __init__(self, upstream, folder, key):
        super().__init__(upstream, key)
        self.webhooks = WebhookSystem(folder, None, self.clock)
        ledger = BudgetLedger(
            lambda: self.budgets, self.notices, lambda: self.webhooks.services, self.clock
        )
        self.use(self.budgets, replace(self.stores, ledger=ledger))

    def events(self):
        """Return the scope and the data of each event in the queue."""
        found = []
        for _, scope, identifier in self.webhooks.queue.messages.values():
            delivery = self.webhooks.delivery(identifier, scope)
            assert delivery.type == "budget.threshold"
            found.append((scope, json.loads(delivery.text)["data"]))
        return found


def make_key(of_key=ALERTED, of_workspace=NONE, workspace_id="w_1"):
    workspace = Workspace(id=workspace_id, slug="one", name="one", usage_limits=of_workspace)
    return GatewayKey(id="k_1", name="one", workspace=workspace, usage_limits=of_key)


@pytest.fixture
def upstream():
    with Upstream(json_response(success())) as upstream:
        yield upstream


@pytest.fixture
def gateway(upstream, tmp_path):
    gateway = Gateway(upstream, tmp_path, make_key())
    gateway.webhooks.create(event_types=TYPES, scope="w_1")
    gateway.webhooks.create(event_types=TYPES, scope="w_2")
    gateway.webhooks.create(event_types=("image.edit.completed",), scope="w_1")
    return gateway


def test_threshold_of_a_key_is_one_event_in_its_period(gateway):
    for _ in range(3):
        assert gateway.edit().status == 200
    ((scope, data),) = gateway.events()
    assert scope == "w_1"
    assert data == {
        "object": "budget",
        "scope": "api_key",
        "id": "k_1",
        "period": "all",
        "unit": "micro_usd",
        "taken": 82_380,
        "threshold": 50_000,
    }
    assert gateway.notices.thresholds == [("key#k_1", "all")]


def test_thresholds_of_a_workspace_and_of_its_virtual_key_are_told_to_the_workspace(gateway):
    gateway.key = make_key(NONE, ALERTED)
    gateway.virtual_keys["lent"] = make_virtual_key("lent", ALERTED)
    for _ in range(2):
        assert gateway.edit({"x-portkey-virtual-key": "lent"}).status == 200
    scopes = sorted(data["scope"] for _, data in gateway.events())
    assert scopes == ["virtual_key", "workspace"]
    assert {scope for scope, _ in gateway.events()} == {"w_1"}


def test_threshold_of_the_default_workspace_is_told_to_no_tenant(gateway):
    key = make_key(NONE, ALERTED, DEFAULT_WORKSPACE.id)
    gateway.key = replace(key, own_name="tenant")
    gateway.webhooks.create(event_types=TYPES, scope="tenant")
    for _ in range(2):
        gateway.edit()
    assert gateway.events() == []
    assert gateway.notices.thresholds == [("ws#w_default", "all")]


def test_sweeper_tells_a_threshold_that_its_settlement_reaches(gateway):
    settle = gateway.budgets.settle

    def settle_and_fail(*amounts):
        gateway.budgets.is_down = True
        return settle(*amounts)

    gateway.key = make_key((UsageLimit("cost", 1_000_000, alert_threshold=41_190),))
    gateway.budgets.settle = settle_and_fail
    assert gateway.edit().status == 200
    gateway.budgets.settle, gateway.budgets.is_down = settle, False
    assert gateway.events() == []
    gateway.clock.advance(10_000)
    sweep(gateway.stores, None, gateway.clock.unix_time())
    ((_, data),) = gateway.events()
    assert data["taken"] == 41_190


def test_threshold_is_told_after_a_crash_between_its_event_and_its_mark(gateway):
    mark = gateway.budgets.mark_alerted
    gateway.budgets.mark_alerted = lambda _: False  # the write was never made
    for _ in range(2):
        gateway.edit()
    gateway.budgets.mark_alerted = mark
    gateway.edit()
    messages = {
        gateway.webhooks.delivery(identifier, scope).message
        for _, scope, identifier in gateway.webhooks.queue.messages.values()
    }
    assert len(messages) == 1
    assert gateway.notices.thresholds == [("key#k_1", "all")]


def test_edit_succeeds_when_its_threshold_cannot_be_told(gateway):
    def fail(*_):
        raise WebhooksUnavailable("The queue is down.")

    gateway.webhooks.queue.send = fail
    assert [gateway.edit().status for _ in range(2)] == [200, 200]
    assert gateway.notices.thresholds == [("key#k_1", "all")]
