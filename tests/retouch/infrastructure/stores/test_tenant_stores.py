"""Tests of the stores of tenants: DynamoDB and parameters over real sockets, and a folder. All of them behave alike."""

import boto3
import pytest

from devserver.ports import unused_port
from retouch.core.settings import Settings
from retouch.core.write_conflict import WriteConflict
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.stores.tenant_stores import tenant_stores
from retouch.tenants.table import RowWrite, TenantRow, TenantsUnavailable
from tests.support.lost_answers import LosingProxy
from tests.support.orders import CREDENTIALS, moto_server
from tests.support.tenants import TABLE, TABLE_DEFINITION


@pytest.fixture(scope="module")
def moto_port():
    with moto_server() as port:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        url = f"http://127.0.0.1:{port}"
        session.client("dynamodb", endpoint_url=url).create_table(**TABLE_DEFINITION)
        yield port


@pytest.fixture
def proxy(moto_port):
    proxy = LosingProxy(moto_port)
    yield proxy
    proxy.close()


def aws_stores(url, kind):
    env = {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
    settings = Settings(tenants_table=TABLE, virtual_keys_path="/stack/vk")
    clients = AwsClients(AwsEnvironment.from_env(env)) if kind == "signed" else AwsClients()
    stores = tenant_stores(settings, clients)
    assert stores
    return stores


@pytest.fixture(params=["folder", "signed", "boto3"])
def stores(request, tmp_path, monkeypatch):
    if request.param == "folder":
        stores = tenant_stores(Settings(tenants_folder=str(tmp_path)), AwsClients())
        assert stores
        return stores
    url = request.getfixturevalue("proxy").url
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    return aws_stores(url, request.param)


@pytest.fixture
def partition(request):
    """Return a partition of this test only."""
    return request.node.name


def test_written_rows_are_read_and_listed_by_name(stores, partition):
    rows = [
        TenantRow(partition, name, {"n": name, "ä": [1, None]}, expires=7) for name in ("b", "a")
    ]
    stores.table.write([RowWrite(row) for row in rows])
    read = stores.table.read(partition, "b")
    assert (read.record, read.expires) == (rows[0].record, 7)
    assert read.version
    assert [row.name for row in stores.table.list(partition)] == ["a", "b"]
    assert stores.table.read(partition, "c") is None


def test_row_is_replaced_and_deleted_only_as_it_was_read(stores, partition):
    stores.table.write([RowWrite(TenantRow(partition, "a", {"n": 1}))])
    first = stores.table.read(partition, "a")
    stores.table.write([RowWrite(TenantRow(partition, "a", {"n": 2}), first)])
    for stale in (
        RowWrite(TenantRow(partition, "a", {"n": 3}), first),
        RowWrite(first, first, is_deletion=True),
        RowWrite(TenantRow(partition, "a", {"n": 3})),
    ):
        with pytest.raises(WriteConflict):
            stores.table.write([stale])
    second = stores.table.read(partition, "a")
    assert second.record == {"n": 2}
    stores.table.write([RowWrite(second, second, is_deletion=True)])
    assert stores.table.read(partition, "a") is None


def test_write_with_one_conflict_changes_nothing(stores, partition):
    stores.table.write([RowWrite(TenantRow(partition, "a", {}))])
    with pytest.raises(WriteConflict):
        stores.table.write([RowWrite(TenantRow(partition, name, {})) for name in ("new", "a")])
    assert [row.name for row in stores.table.list(partition)] == ["a"]


def test_secret_is_replaced_and_deleted(stores):
    secrets = stores.secrets
    assert secrets.get("w_1", "openai") is None
    secrets.delete("w_1", "openai")
    secrets.put("w_1", "openai", "sk-one")
    secrets.put("w_1", "openai", "sk-two")
    assert (secrets.get("w_1", "openai"), secrets.get("w_2", "openai")) == ("sk-two", None)
    secrets.delete("w_1", "openai")
    assert secrets.get("w_1", "openai") is None


@pytest.mark.parametrize("times", [1, 2])
def test_write_whose_response_is_lost_counts_as_made(proxy, partition, times):
    table = aws_stores(proxy.url, "signed").table
    proxy.lose(b"TransactWriteItems", times)
    table.write([RowWrite(TenantRow(partition, name, {})) for name in ("a", "b")])
    assert proxy.lost == times
    assert [row.name for row in table.list(partition)] == ["a", "b"]


def test_table_that_cannot_be_reached_is_unavailable_and_shows_no_secret():
    stores = aws_stores(f"http://127.0.0.1:{unused_port()}", "signed")
    for operation in (
        lambda: stores.table.read("a", "b"),
        lambda: stores.table.write([RowWrite(TenantRow("a", "b", {}))]),
        lambda: stores.secrets.put("w", "s", "sk-canary"),
    ):
        with pytest.raises(TenantsUnavailable) as caught:
            operation()
        assert "canary" not in repr(caught.value)
        assert (caught.value.status, caught.value.should_retry) == (503, True)


def test_parameters_are_encrypted_strings_below_the_path_of_the_stack(proxy):
    aws_stores(proxy.url, "signed").secrets.put("w_9", "openai-1", "sk-one")
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    parameter = session.client("ssm", endpoint_url=proxy.url).get_parameter(
        Name="/stack/vk/w_9/openai-1"
    )["Parameter"]
    assert parameter["Type"] == "SecureString"


def test_file_of_secrets_is_readable_by_its_owner_only(tmp_path):
    stores = tenant_stores(Settings(tenants_folder=str(tmp_path)), AwsClients())
    assert stores
    stores.secrets.put("w_1", "openai", "sk-one")
    assert (tmp_path / "secrets.sqlite").stat().st_mode & 0o077 == 0
