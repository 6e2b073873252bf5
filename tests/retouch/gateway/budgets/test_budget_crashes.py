"""Budgets in DynamoDB while responses are lost, and while processes end between any two writes."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.infrastructure.aws.answer_bucket import AnswerBucket
from retouch.infrastructure.aws.budget_table import BudgetDynamoTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from retouch.tenants.budget_table import RowName
from tests.support.budget_gateway import BudgetGateway, make_key, success
from tests.support.budgets import BUDGETS_TABLE, BUDGETS_TABLE_DEFINITION
from tests.support.killed_process import ProcessKilled
from tests.support.lost_answers import UnreliableProxy
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server
from tests.support.upstream import Upstream, json_response

KEY_ROW, WORKSPACE_ROW = RowName("key#k_1", "all"), RowName("ws#w_1", "all")
PRICE, ROOM = 50_000, 10
EDITS, LOST_SHARE, KILLED_SHARE = 40, 0.3, 0.05
LONG_AFTER_EVERY_LEASE = 10_000


class MortalTable:
    """A table whose caller may end before or after each call."""

    def __init__(self, table, share):
        self._table, self._share, self._random = table, share, random.Random(815)

    def __getattr__(self, name):
        method = getattr(self._table, name)

        def call_or_die(*args, **kwargs):
            self._die()
            result = method(*args, **kwargs)
            self._die()
            return result

        return call_or_die

    def _die(self):
        if self._random.random() < self._share:
            raise ProcessKilled


@pytest.fixture
def proxy():
    with moto_server() as port:
        client = boto3.Session("testing", "testing", region_name="us-east-1").client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{port}"
        )
        client.create_table(**BUDGETS_TABLE_DEFINITION)
        proxy = UnreliableProxy(port, LOST_SHARE)
        yield proxy
        proxy.close()


def connect(gateway, proxy, killed_share):
    """Let the gateway use DynamoDB and S3, and end its processes with that probability at each call."""
    environment = AwsEnvironment.from_env(
        {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url, "AWS_S3_ENDPOINT_URL": proxy.url}
    )
    aws = AwsClients(environment)
    budgets = MortalTable(BudgetDynamoTable(BUDGETS_TABLE, aws), killed_share)
    orders = MortalTable(OrderDynamoTable(TABLE, aws), killed_share)
    ledger = BudgetLedger(lambda: budgets, gateway.notices)
    answers = AnswerBucket(BUCKET, aws)
    return budgets, OrderStores(orders, answers, ledger=ledger)


@pytest.mark.parametrize("killed_share", [0.0, KILLED_SHARE], ids=["lost", "lost and killed"])
def test_budget_is_never_exceeded_and_nothing_stays_held(proxy, killed_share, monkeypatch):
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url}.items():
        monkeypatch.setenv(name, value)
    with Upstream(json_response(success(usage=None))) as upstream:
        gateway = BudgetGateway(upstream, make_key(limit=ROOM * PRICE, workspace_limit=10**9))
        gateway.ceilings["openai/gpt-image-2"] = PRICE
        budgets, stores = connect(gateway, proxy, killed_share)
        gateway.use(budgets, stores)
        statuses = make_edits(gateway)
    calls = len(upstream.calls)
    assert proxy.lost > EDITS
    assert calls <= ROOM
    assert statuses.count(200) <= calls
    proxy.share = 0.0
    budgets, stores = connect(gateway, proxy, killed_share=0.0)
    gateway.clock.advance(LONG_AFTER_EVERY_LEASE)
    for _ in range(2):
        sweep(stores, None, gateway.clock.unix_time())
    key, workspace = budgets.read(KEY_ROW), budgets.read(WORKSPACE_ROW)
    for row in (key, workspace):
        assert row.holds == {}
        assert row.taken == row.spent
        assert calls * PRICE <= row.spent <= ROOM * PRICE
    assert calls > 0
    assert (key.spent, key.at_risk) == (workspace.spent, workspace.at_risk)


def make_edits(gateway):
    barrier = threading.Barrier(EDITS)

    def edit(_):
        barrier.wait()
        try:
            return gateway.edit().status
        except ProcessKilled:
            return 0

    with ThreadPoolExecutor(EDITS) as pool:
        return list(pool.map(edit, range(EDITS)))
