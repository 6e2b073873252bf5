"""The tables of budgets: DynamoDB over real sockets, with lost responses, and the folder of `make run`."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import boto3
import pytest

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.aws import budget_table
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.local.budget_folder import BudgetFolderTable
from retouch.tenants import budget_rows
from retouch.tenants.budget_rows import BudgetRow, RowHold, RowLimit, WaitingAmount
from retouch.tenants.budget_table import RowName
from tests.support.budgets import BUDGETS_TABLE, BUDGETS_TABLE_DEFINITION
from tests.support.lost_answers import LosingProxy
from tests.support.orders import CREDENTIALS, moto_server

ROW, LEASE = RowName("key#k_1", "2026-11"), 1_800_000_000
TEN = RowLimit(500_000, 100)  # room for ten holds of 5 cents
CENTS_5 = RowHold(50_000, LEASE)
JOB_A, JOB_B = WaitingAmount("ord_a.1", 50_000), WaitingAmount("ord_b.1", 50_000)
RETURNED = WaitingAmount("ord_a.2", 50_000)


@pytest.fixture(scope="module")
def proxy():
    with ExitStack() as stack:
        port = stack.enter_context(moto_server())
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        client = session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
        client.create_table(**BUDGETS_TABLE_DEFINITION)
        proxy = LosingProxy(port)
        stack.callback(proxy.close)
        yield proxy


def dynamo_table(proxy):
    environment = AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url})
    return BudgetDynamoTable(BUDGETS_TABLE, AwsClients(environment))


@pytest.fixture(params=["dynamodb", "folder"])
def table(request, tmp_path):
    if request.param == "folder":
        return BudgetFolderTable(str(tmp_path))
    return dynamo_table(request.getfixturevalue("proxy"))


@pytest.fixture
def row(request):
    return RowName(f"key#{request.node.name}", "2026-11")


def run_together(count, function):
    barrier = threading.Barrier(count)

    def run(number):
        barrier.wait()
        return function(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_only_as_many_hold_at_once_as_there_is_room(table, row):
    results = run_together(50, lambda number: table.hold(row, f"ord_{number}.1", CENTS_5, TEN))
    assert sorted(result.outcome for result in results) == ["held"] * 10 + ["no_room"] * 40
    stored = table.read(row)
    assert (stored.taken, len(stored.holds)) == (500_000, 10)


def test_repeated_hold_counts_once(table, row):
    first = table.hold(row, "ord_a.1", CENTS_5, TEN)
    assert table.hold(row, "ord_a.1", CENTS_5, TEN) == first
    assert table.read(row).taken == 50_000


def test_holds_of_one_row_are_limited_in_number(table, row):
    two = RowLimit(None, 2)
    outcomes = [table.hold(row, f"ord_{n}.1", CENTS_5, two).outcome for n in range(3)]
    assert outcomes == ["held", "held", "too_many"]


def test_settlement_frees_the_difference_once(table, row):
    table.hold(row, "ord_a.1", CENTS_5, TEN)
    settled = table.settle(row, "ord_a.1", 50_000, 41_200, 0)
    assert settled == BudgetRow(taken=41_200, spent=41_200)
    assert table.settle(row, "ord_a.1", 50_000, 41_200, 0) is None
    assert table.read(row) == settled


def test_released_hold_leaves_nothing(table, row):
    table.hold(row, "ord_a.1", CENTS_5, TEN)
    table.settle(row, "ord_a.1", 50_000, 0, 0)
    assert table.read(row) == BudgetRow()


def test_amount_at_risk_can_be_restored_once(table, row):
    table.hold(row, "ord_a.1", CENTS_5, TEN)
    for _ in range(2):  # the second time its first response was lost
        settled = table.settle(row, "ord_a.1", 50_000, 50_000, 50_000)
        assert settled == BudgetRow(50_000, 50_000, 50_000, last_at_risk="ord_a.1")
    for _ in range(2):
        table.restore(row, "ord_a.1", CENTS_5)
        stored = table.read(row)
        assert (stored.taken, stored.spent, stored.at_risk) == (50_000, 0, 0)
        assert stored.holds == {"ord_a.1": CENTS_5}
    table.settle(row, "ord_a.1", 50_000, 0, 0)
    settled = BudgetRow(last_at_risk="ord_a.1", last_restored="ord_a.1")
    assert table.read(row) == settled
    table.restore(row, "ord_a.1", CENTS_5)  # of a process that was paused meanwhile
    assert table.read(row) == settled


def test_hold_takes_over_the_room_of_a_waiting_amount(table, row):
    for _ in range(2):  # the second time its first response was lost
        assert table.add_waiting(row, JOB_A, 50_000).outcome == "held"
        assert table.add_waiting(row, JOB_B, 50_000).outcome == "no_room"
    one, dearer = RowLimit(50_000, 1), RowHold(50_001, LEASE)
    assert table.hold(row, "ord_c.1", CENTS_5, one).outcome == "no_room"
    assert table.hold(row, "ord_a.2", dearer, one, JOB_A).outcome == "no_room"
    assert table.read(row) == BudgetRow(50_000, waiting={"ord_a.1": 50_000})
    for _ in range(2):
        result = table.hold(row, "ord_a.2", CENTS_5, one, JOB_A)
        assert (result.outcome, result.is_waiting_missing) == ("held", False)
        assert result.row == BudgetRow(50_000, holds={"ord_a.2": CENTS_5})
    table.remove_waiting(row, JOB_A)
    assert table.read(row).taken == 50_000


def test_job_without_its_waiting_amount_holds_like_any_other(table, row):
    result = table.hold(row, "ord_a.2", CENTS_5, TEN, JOB_A)
    assert (result.outcome, result.is_waiting_missing) == ("held", True)
    assert table.hold(row, "ord_b.2", CENTS_5, RowLimit(50_000, 5), JOB_B).outcome == "no_room"
    assert table.read(row).taken == 50_000


def test_returned_hold_waits_with_its_room_and_is_taken_over_again(table, row):
    one = RowLimit(50_000, 1)
    table.hold(row, "ord_a.2", CENTS_5, one)
    for _ in range(2):  # the second time its first response was lost
        assert table.return_hold(row, RETURNED)
    assert table.read(row) == BudgetRow(50_000, waiting={"ord_a.2": 50_000})
    assert table.hold(row, "ord_b.1", CENTS_5, one).outcome == "no_room"
    assert table.hold(row, "ord_a.3", CENTS_5, one, RETURNED).outcome == "held"
    assert not table.return_hold(row, RETURNED)
    assert table.read(row) == BudgetRow(50_000, holds={"ord_a.3": CENTS_5})


def test_released_amount_gives_its_room_back_once(table, row):
    table.add_waiting(row, JOB_A, 100_000)
    table.add_waiting(row, JOB_B, 100_000)
    assert [table.remove_waiting(row, JOB_A) for _ in range(2)] == [True, False]
    assert table.read(row) == BudgetRow(50_000, waiting={"ord_b.1": 50_000})


def test_waiting_amounts_are_limited_by_the_room_and_in_number(table, row, monkeypatch):
    cent = [WaitingAmount(f"ord_{number}.1", 10_000) for number in range(12)]
    outcomes = [
        one.outcome for one in run_together(12, lambda n: table.add_waiting(row, cent[n], 100_000))
    ]
    assert sorted(outcomes) == ["held"] * 10 + ["no_room"] * 2
    for module in (budget_rows, budget_table):
        monkeypatch.setattr(module, "MAX_WAITING", 10)
    assert table.add_waiting(row, JOB_A, 10**6).outcome == "too_many"
    assert table.hold(row, "ord_b.1", CENTS_5, RowLimit(None, 1)).outcome == "held"


def test_row_of_an_earlier_version_takes_waiting_amounts(proxy):
    table, row = dynamo_table(proxy), RowName("key#old", "all")
    table.hold(row, "ord_z.1", CENTS_5, TEN)
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    client = session.client("dynamodb", endpoint_url=proxy.url)
    key = {"pk": {"S": "B#key#old"}, "sk": {"S": "P#all"}}
    client.update_item(TableName=BUDGETS_TABLE, Key=key, UpdateExpression="REMOVE waiting")
    assert table.add_waiting(row, JOB_A, 100_000).outcome == "held"
    assert table.read(row) == BudgetRow(
        100_000, holds={"ord_z.1": CENTS_5}, waiting={"ord_a.1": 50_000}
    )


def test_threshold_is_reported_once(table, row):
    table.hold(row, "ord_a.1", CENTS_5, TEN)
    assert sorted(run_together(5, lambda _: table.mark_alerted(row))) == [False] * 4 + [True]
    assert table.read(row).is_alerted


def test_many_orders_held_and_settled_twice_give_the_exact_sum(table, row):
    open_limit = RowLimit(None, 1000)

    def buy(number):
        for order in range(number, 100, 10):
            hold = RowHold(50_000 + order, LEASE)
            for _ in range(2):
                table.hold(row, f"ord_{order}.1", hold, open_limit)
            for _ in range(2):
                table.settle(row, f"ord_{order}.1", hold.amount, 1000 + order, 0)

    run_together(10, buy)
    total = sum(1000 + order for order in range(100))
    assert table.read(row) == BudgetRow(taken=total, spent=total)


def test_lost_responses_change_nothing(proxy):
    table, row = dynamo_table(proxy), RowName("key#lost", "all")
    steps = [
        lambda: table.hold(row, "ord_a.1", CENTS_5, TEN).outcome,
        lambda: table.settle(row, "ord_a.1", 50_000, 50_000, 50_000).at_risk,
        lambda: table.restore(row, "ord_a.1", CENTS_5),
        lambda: table.settle(row, "ord_a.1", 50_000, 7, 0),
        lambda: table.add_waiting(row, JOB_B, 100_000).outcome,
        lambda: table.hold(row, "ord_b.2", CENTS_5, TEN, JOB_B).outcome,
        lambda: table.settle(row, "ord_b.2", 50_000, 0, 0),
        lambda: table.add_waiting(row, JOB_A, 100_000).outcome,
        lambda: table.remove_waiting(row, JOB_A),
        lambda: table.hold(row, "ord_a.2", CENTS_5, TEN).outcome,
        lambda: table.return_hold(row, RETURNED),
        lambda: table.remove_waiting(row, RETURNED),
    ]
    results = []
    for step in steps:
        proxy.lose(b"UpdateExpression", times=1)
        results.append(step())
        assert proxy.lost == 1
    assert results == [
        "held",
        50_000,
        None,
        None,
        "held",
        "held",
        None,
        "held",
        False,
        "held",
        True,
        False,
    ]
    stored = table.read(row)
    assert (stored.taken, stored.spent, stored.at_risk) == (7, 7, 0)
    assert (stored.holds, stored.waiting) == ({}, {})


def test_budgets_are_unavailable_when_the_table_is_not_reached(tmp_path):
    environment = AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    for table in (
        BudgetDynamoTable(BUDGETS_TABLE, AwsClients(environment)),
        BudgetFolderTable(str(tmp_path / "missing")),
    ):
        with pytest.raises(BudgetUnavailable):
            table.hold(ROW, "ord_a.1", CENTS_5, TEN)


def test_budget_row_of_a_period_expires_and_a_prepaid_one_does_not(proxy):
    table = dynamo_table(proxy)
    table.hold(RowName("key#expires", "2026-11", LEASE), "ord_a.1", CENTS_5, TEN)
    table.hold(RowName("key#stays", "all"), "ord_a.1", CENTS_5, TEN)
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    items = session.client("dynamodb", endpoint_url=proxy.url).scan(TableName=BUDGETS_TABLE)
    expiries = {item["pk"]["S"]: item.get("expires") for item in items["Items"]}
    assert expiries["B#key#expires"] == {"N": str(LEASE)}
    assert expiries["B#key#stays"] is None
