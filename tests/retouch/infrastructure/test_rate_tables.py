"""The tables of rate limits: DynamoDB over real sockets, and the folder of `make run`."""

import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from retouch.core.errors import BudgetUnavailable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.rate_table import RateDynamoTable
from retouch.infrastructure.local.rate_folder import RateFolderTable
from retouch.tenants.limits import RateLimit
from retouch.tenants.rates import RateWindow
from tests.support.budgets import BUDGETS_TABLE, BUDGETS_TABLE_DEFINITION
from tests.support.orders import CREDENTIALS, moto_server

START = 1_800_000_000


@pytest.fixture(scope="module")
def moto_port():
    with moto_server() as port:
        client = boto3.Session("testing", "testing", region_name="us-east-1").client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{port}"
        )
        client.create_table(**BUDGETS_TABLE_DEFINITION)
        yield port


def dynamo_table(port):
    url = f"http://127.0.0.1:{port}"
    environment = AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": url})
    return RateDynamoTable(BUDGETS_TABLE, AwsClients(environment))


@pytest.fixture(params=["dynamodb", "folder"])
def table(request, tmp_path):
    if request.param == "folder":
        return RateFolderTable(str(tmp_path))
    return dynamo_table(request.getfixturevalue("moto_port"))


@pytest.fixture
def window(request):
    limit = RateLimit("requests", "rpm", 5)
    return RateWindow("api_key", f"key#{request.node.name}", limit, START)


def test_only_as_many_requests_at_once_as_the_limit_are_counted(table, window):
    barrier = threading.Barrier(20)

    def count(_):
        barrier.wait()
        return table.count(window, 1)

    with ThreadPoolExecutor(20) as pool:
        counts = list(pool.map(count, range(20)))
    assert sorted(one for one in counts if one) == [1, 2, 3, 4, 5]
    assert counts.count(None) == 15
    assert table.read(window) == 5


def test_next_window_counts_from_zero(table, window):
    table.count(window, 1)
    following = RateWindow("api_key", window.account, window.limit, window.end)
    assert table.read(following) == 0
    assert table.count(following, 1) == 1


def test_output_of_an_edit_is_added_above_the_limit(table, window):
    table.add(window, 4)
    table.add(window, 4)
    assert table.read(window) == 8
    assert table.count(window, 1) is None


def test_row_of_a_window_expires(moto_port):
    window = RateWindow("api_key", "key#expires", RateLimit("requests", "rpm", 5), START)
    dynamo_table(moto_port).count(window, 1)
    client = boto3.Session("testing", "testing", region_name="us-east-1").client(
        "dynamodb", endpoint_url=f"http://127.0.0.1:{moto_port}"
    )
    key = {"pk": {"S": "R#key#expires"}, "sk": {"S": f"rpm#{START}"}}
    item = client.get_item(TableName=BUDGETS_TABLE, Key=key)["Item"]
    assert item["expires"] == {"N": str(START + 3660)}


def test_rates_are_unavailable_when_the_table_is_not_reached(tmp_path, window):
    for table in (dynamo_table(1), RateFolderTable(str(tmp_path / "missing"))):
        with pytest.raises(BudgetUnavailable):
            table.count(window, 1)
