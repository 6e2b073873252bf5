from datetime import UTC, datetime

import pytest

from retouch.infrastructure.local.tenant_folder import TenantFolderTable
from retouch.tenants import rows
from retouch.tenants.audit import list_audit_rows
from retouch.tenants.budget_rows import RowHold, RowLimit
from retouch.tenants.budget_table import RowName
from retouch.tenants.keys import DEFAULT_WORKSPACE
from retouch.tenants.limits import UsageLimit
from retouch.tenants.new_keys import find_key_rows, store_workspace_key
from tests.support.budgets import InMemoryBudgets
from tools.budgets import format_budgets, set_budget
from tools.stack import CommandError

NOW = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp())


@pytest.fixture
def table(tmp_path):
    table = TenantFolderTable(str(tmp_path))
    store_workspace_key(table, DEFAULT_WORKSPACE, "till", "d" * 64, NOW)
    return table


def read_key(table):
    (row,) = find_key_rows(table, "till")
    return rows.find_key_by_id(table, row.name)


def test_budget_is_set_replaced_and_removed(table):
    set_budget(table, "till", "20", "monthly", NOW)
    assert read_key(table).usage_limits == (UsageLimit("cost", 20_000_000, None, "monthly"),)
    set_budget(table, read_key(table).id, "0.5", "", NOW)
    assert read_key(table).usage_limits == (UsageLimit("cost", 500_000),)
    set_budget(table, "till", "none", "", NOW)
    assert read_key(table).usage_limits == ()
    actions = [row["action"] for row in list_audit_rows(table, NOW - 1, NOW + 1)]
    assert actions.count("api_key.update") == 3


def test_budgets_are_shown_with_what_is_taken_and_runs(table):
    set_budget(table, "till", "20", "monthly", NOW)
    budgets = InMemoryBudgets()
    row = RowName(f"key#{read_key(table).id}", "2026-11")
    budgets.hold(row, "ord_a.1", RowHold(3_200_000, NOW), RowLimit(20_000_000, 50))
    text = format_budgets(table, budgets, "till", NOW)
    assert text.splitlines()[1].split() == [
        *("api_key", "2026-11", "$20.00", "$3.20", "$0.00"),
        *("1", "of", "50"),
    ]


def test_key_without_budgets_says_so(table):
    assert "no budgets" in format_budgets(table, InMemoryBudgets(), "till", NOW)


@pytest.mark.parametrize(
    ("name", "dollars", "reset", "message"),
    [
        ("nobody", "20", "", "no key 'nobody'"),
        ("till", "much", "", "'much' is not a budget"),
        ("till", "-1", "", "'-1' is not a budget"),
        ("till", "20", "hourly", "'hourly' is not a period"),
    ],
)
def test_wrong_argument_is_named(table, name, dollars, reset, message):
    with pytest.raises(CommandError, match=message):
        set_budget(table, name, dollars, reset, NOW)
