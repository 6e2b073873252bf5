"""Tests of the tables of rows: DynamoDB over real sockets with both of its clients, and a folder. All behave alike."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import pytest

from devserver.ports import unused_port
from retouch.core.errors import OrdersUnavailable
from retouch.core.rows import Row, RowConflict
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.row_table import RowDynamoTable
from retouch.infrastructure.local.row_folder import RowFolderTable
from tests.support.batches import BATCHES_DEFINITION, TABLE
from tests.support.orders import CREDENTIALS, NOW, moto_server


def _unavailable_error():
    return OrdersUnavailable("the table is down")


@pytest.fixture(scope="module")
def moto_port():
    with moto_server() as port:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        client = session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
        client.create_table(**BATCHES_DEFINITION)
        yield port


@pytest.fixture(params=["folder", "boto3", "small client"])
def table(request, tmp_path):
    if request.param == "folder":
        return RowFolderTable(tmp_path / "rows.sqlite", _unavailable_error)
    url = request.getfixturevalue("proxy").url
    environment = AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": url})
    aws = AwsClients(environment if request.param == "small client" else None)
    return RowDynamoTable(TABLE, aws, _unavailable_error)


@pytest.fixture
def row(request):
    """Return a row in a scope of this test only."""
    return Row(request.node.name, "batch_1", {"status": "ä", "lines": 3}, NOW + 100)


def test_written_row_is_read_as_it_was(table, row):
    assert table.read(row.scope, row.id) is None
    for written in (
        table.write(row, None),
        table.write(replace(row, id="batch_2", expires=0, due=NOW), None),
    ):
        assert written.version
        assert table.read(row.scope, written.id) == written
    assert table.read("other", row.id) is None


def test_write_over_another_row_is_refused_with_the_stored_one(table, row):
    first = table.write(row, None)
    second = table.write(replace(row, values={"status": "done"}), first)
    for replaces in (None, first):
        with pytest.raises(RowConflict) as raised:
            table.write(row, replaces)
        assert raised.value.stored == second
    table.delete(row.scope, row.id)
    with pytest.raises(RowConflict) as raised:
        table.write(row, second)
    assert raised.value.stored is None


def test_ten_writes_at_once_have_a_single_winner(table, row):
    first, barrier = table.write(row, None), threading.Barrier(10)

    def write(number):
        barrier.wait()
        try:
            return table.write(replace(row, values={"number": number}), first)
        except RowConflict:
            return None

    with ThreadPoolExecutor(10) as pool:
        written = [one for one in pool.map(write, range(10)) if one]
    assert written == [table.read(row.scope, row.id)]


def test_row_that_is_deleted_twice_is_gone(table, row):
    table.write(row, None)
    table.delete(row.scope, row.id)
    table.delete(row.scope, row.id)
    assert table.read(row.scope, row.id) is None


def test_rows_are_listed_by_scope_prefix_and_order(table, row):
    for identifier in ("batch_1", "batch_2", "batch_3", "file-1"):
        table.write(replace(row, id=identifier), None)
    table.write(replace(row, scope=f"{row.scope} other", id="batch_4"), None)

    def list_ids(after, limit, *, is_ascending, scope=row.scope):
        rows = table.list_rows(scope, "batch_", after, limit, is_ascending=is_ascending)
        return [row.id for row in rows]

    assert list_ids("", 10, is_ascending=False) == ["batch_3", "batch_2", "batch_1"]
    assert list_ids("", 2, is_ascending=False) == ["batch_3", "batch_2"]
    assert list_ids("", 2, is_ascending=True) == ["batch_1", "batch_2"]
    assert list_ids("batch_2", 10, is_ascending=True) == ["batch_3"]
    assert list_ids("batch_2", 10, is_ascending=False) == ["batch_1"]
    assert list_ids("", 10, is_ascending=True, scope="unknown") == []


def test_overdue_rows_are_listed_until_they_have_no_next_step(table, row):
    def list_ids():
        return [one.id for one in table.list_due(NOW + 1) if one.scope == row.scope]

    written = table.write(replace(row, due=NOW), None)
    table.write(replace(row, id="batch_2", due=NOW + 50), None)
    assert list_ids() == ["batch_1"]
    table.write(replace(written, due=0), written)
    assert list_ids() == []


def test_write_whose_response_is_lost_succeeds(proxy, row):
    table = RowDynamoTable(TABLE, AwsClients(), _unavailable_error)
    proxy.lose(b"PutItem", times=1)
    first = table.write(row, None)
    assert proxy.lost == 1
    proxy.lose(b"PutItem", times=2)
    second = table.write(replace(row, expires=0), first)
    assert proxy.lost == 2
    assert table.read(row.scope, row.id) == second


def test_table_that_cannot_be_reached_raises_the_error_of_its_store(monkeypatch, tmp_path, row):
    for name, value in {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_port()}",
    }.items():
        monkeypatch.setenv(name, value)
    for table in (
        RowDynamoTable(TABLE, AwsClients(), _unavailable_error),
        RowFolderTable(tmp_path / "missing" / "rows.sqlite", _unavailable_error),
    ):
        with pytest.raises(OrdersUnavailable):
            table.read(row.scope, row.id)
