"""Tests of events that wait for a budget or a provider, and of the keys that own their edits."""

from dataclasses import replace

import pytest

from retouch.api.event_edit import submit_event_edit
from retouch.api.handlers import event_messages
from retouch.infrastructure.local.tenant_folder import TenantFolderTable
from retouch.tenants.keys import Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from retouch.tenants.rows import KEYS, WORKSPACES, key_of_row, key_row, workspace_row
from retouch.tenants.table import RowWrite
from tests.support.budgets import InMemoryBudgets
from tests.support.event_gateway import EDIT, FAILURE, OUTPUT
from tests.support.images import photo


def set_limit(gateway, monkeypatch, is_exhausted):
    """Let the front refuse every edit as over its budget, or none."""
    from retouch.core.errors import Fault

    class BudgetExceeded(Fault):
        status, code, blame, retryable = 429, "budget_exceeded", "client", False

    def submit(*args, **kwargs):
        if is_exhausted():
            raise BudgetExceeded("The budget is used up.")
        return real(*args, **kwargs)

    real = submit_event_edit
    monkeypatch.setattr(event_messages, "submit_event_edit", submit)


def test_events_wait_while_the_budget_is_used_up_and_are_made_once_after_it(gateway, monkeypatch):
    noon = gateway.clock.unix_time()
    set_limit(gateway, monkeypatch, lambda: gateway.clock.unix_time() < noon + 3600)
    gateway.upload(times=2)
    gateway.work_until(3540, step=30)
    assert gateway.calls == 0
    assert not any(one.startswith(("outbox/", "failed/")) for one in gateway.inbox.objects)
    gateway.work_until(1000, step=30)
    assert gateway.calls == 1
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


def test_event_that_waits_past_its_deadline_is_expired_and_told(gateway, monkeypatch):
    set_limit(gateway, monkeypatch, lambda: True)
    gateway.write_recipe(deadline=1800)
    gateway.upload()
    gateway.work_until(1795, step=30)
    assert FAILURE not in gateway.inbox.objects
    gateway.work_until(60)
    failure = gateway.read_json(FAILURE)
    assert (failure["status"], failure["error"]["code"]) == ("expired", "budget_exceeded")
    assert gateway.event_types == ["failed"]
    assert (gateway.calls, gateway.messages) == (0, [])


def test_waiting_event_is_received_fewer_times_than_the_queue_permits(gateway, monkeypatch):
    set_limit(gateway, monkeypatch, lambda: True)
    gateway.write_recipe(deadline=43_200)
    gateway.upload()
    message = gateway.messages[0]
    gateway.work_until(43_300, step=60)
    assert gateway.messages == []
    assert message.receives < 60


def test_overloaded_provider_is_asked_again_until_the_deadline_of_the_recipe(gateway):
    gateway.answer(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    gateway.upload()
    gateway.work_until(1800, step=5)
    assert FAILURE not in gateway.inbox.objects
    gateway.answer()
    gateway.work_until(1000, step=5)
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


def test_key_of_a_recipe_owns_the_order_of_its_edits(keyed_gateway):
    keyed_gateway.write_recipe(key="k_shop")
    keyed_gateway.upload(times=2)
    keyed_gateway.work_all()
    assert keyed_gateway.calls == 1
    assert keyed_gateway.stored.scope == "w_1"
    assert OUTPUT in keyed_gateway.inbox.objects


def test_objects_of_a_workspace_with_its_own_price_do_not_tell_the_cost(keyed_gateway, tmp_path):
    gateway, table = keyed_gateway, TenantFolderTable(str(tmp_path))
    workspace = Workspace(
        id="w_1", slug="s", name="s", price=WorkspacePrice(multiplier=0, per_picture=700_000)
    )
    row = table.read(WORKSPACES, "w_1")
    table.write([RowWrite(workspace_row(workspace), row)])
    gateway.restart()
    gateway.write_recipe(key="k_shop")
    gateway.upload()
    gateway.work_all()
    assert gateway.stored.cost == "0.053 estimated"
    assert gateway.read_json(f"{OUTPUT}.json")["cost_usd"] == 0.7
    costs = {
        stored.metadata.get("retouch-cost-usd")
        for name, stored in gateway.inbox.objects.items()
        if name.startswith(OUTPUT)
    }
    assert costs == {"0.7"}


def test_key_of_a_message_owns_the_order_of_its_edit(keyed_gateway):
    keyed_gateway.post(EDIT, api_key_id="k_shop")
    keyed_gateway.work_all()
    assert keyed_gateway.stored.scope == "w_1"


def test_edits_over_a_real_budget_wait_until_it_is_raised_and_are_made_once(
    keyed_gateway, tmp_path
):
    gateway = keyed_gateway
    table = TenantFolderTable(str(tmp_path))
    set_budget(gateway, table, dollars=0.5)
    gateway.write_recipe(key="k_shop")
    for number in range(3):
        gateway.upload(f"inbox/white/{number}.png", photo(64 + 16 * number, 64), times=2)
    gateway.work_until(1800, step=30)
    assert gateway.calls == 1
    assert not any(one.startswith("failed/") for one in gateway.inbox.objects)
    set_budget(gateway, table, dollars=10)
    gateway.work_until(2000, step=30)
    assert gateway.calls == 3
    assert gateway.messages == []
    assert sum(one.endswith(".json") and "outbox/" in one for one in gateway.inbox.objects) == 3


def set_budget(gateway, table, dollars):
    """Give the key k_shop a budget, and the gateway a table of budgets."""
    row = table.read(KEYS, "k_shop")
    workspace = Workspace(id="w_1", slug="s", name="s")
    limit = UsageLimit("cost", round(dollars * 1_000_000))
    key = replace(key_of_row(row, workspace), usage_limits=(limit,))
    table.write([RowWrite(key_row(key), row)])
    budgets = (gateway.services.open_budgets or InMemoryBudgets)()
    gateway.services = replace(gateway.services, open_budgets=lambda: budgets)
    gateway.restart()


@pytest.mark.parametrize("key", ["k_gone", "shop"])
def test_key_that_does_not_exist_is_a_failure_and_buys_nothing(keyed_gateway, key):
    keyed_gateway.write_recipe(key=key)
    keyed_gateway.upload()
    keyed_gateway.work_all()
    assert keyed_gateway.read_json(FAILURE)["error"]["code"] == "key_not_found"
    assert keyed_gateway.calls == 0
