import json
from collections.abc import Mapping
from typing import Any

from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.stores.budget_stores import add_ledger, budget_table_opener
from retouch.infrastructure.stores.order_stores import order_stores
from retouch.infrastructure.telemetry.budget_notices import BudgetNotices
from retouch.orders.charges import Charge
from retouch.tenants.budget_rows import BudgetRow
from tests.support.budget_system import LEASE_SECONDS, BudgetSystem
from tests.support.orders import CREDENTIALS
from tests.support.upstream import Upstream, json_response

CHARGE = Charge("key#k_5f2c", "2026-11", "ord_a.1", 50_000, alert_at=16_000_000)


def test_threshold_becomes_one_cloud_event_of_the_period():
    published: list[Mapping[str, Any]] = []
    notices = BudgetNotices({}, published.extend, "prod")
    notices.report_threshold(CHARGE, BudgetRow(taken=16_100_000))
    (event,) = published
    assert (event["id"], event["type"]) == ("key#k_5f2c/2026-11", "retouch.budget.threshold")
    assert event["source"] == "urn:retouch:budgets:prod"
    assert event["data"] == {
        "scope": "api_key",
        "id": "k_5f2c",
        "period": "2026-11",
        "unit": "micro_usd",
        "taken": 16_100_000,
        "threshold": 16_000_000,
    }


def test_overrun_is_a_metric_in_dollars(capsys):
    BudgetNotices({}).report_overrun(CHARGE, 211_900)
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["CostOverrun"] == [0.2119]
    assert metrics["service"] == "budgets"


def test_threshold_without_a_bus_is_only_logged():
    BudgetNotices({}).report_threshold(CHARGE, BudgetRow(taken=16_100_000))


def test_sweeper_publishes_the_threshold_that_a_crashed_edit_reaches(tmp_path, monkeypatch):
    bus = json_response({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    with Upstream(bus) as events:
        env = {
            **CREDENTIALS,
            "RETOUCH_EVENTS_BUS": "billing",
            "RETOUCH_ORDERS_FOLDER": str(tmp_path),
            "AWS_ENDPOINT_URL": events.url,
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        settings, aws = Settings.from_env(env), AwsClients(AwsEnvironment.from_env(env))
        open_table: Any = budget_table_opener(settings, aws)
        stores = add_ledger(order_stores(settings, aws), open_table, settings, aws)
        system: Any = BudgetSystem(alert_threshold=250, workspace_limit=None)
        system.budgets, system.stores = open_table(), stores
        system.orders = system.stores.table
        system.buy(300)  # its process ends after the send mark
        for _ in range(2):
            system.clock.advance(LEASE_SECONDS + 1)
            system.sweep()
        (call,) = events.received
    (entry,) = json.loads(call.body)["Entries"]
    assert (entry["EventBusName"], entry["DetailType"]) == ("billing", "retouch.budget.threshold")
    assert json.loads(entry["Detail"])["data"]["taken"] == 300
