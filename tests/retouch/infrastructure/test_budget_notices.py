import json
from collections.abc import Mapping
from typing import Any

from retouch.infrastructure.budget_notices import BudgetNotices
from retouch.orders.charges import Charge
from retouch.tenants.budget_rows import BudgetRow

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
