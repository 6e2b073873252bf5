"""Tests of the stores of usage: DynamoDB over real sockets, and a folder. All of them behave alike."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import pytest

from devserver.ports import unused_port
from retouch.core.errors import UsageUnavailable
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.usage_documents import UsageDynamoDocuments
from retouch.infrastructure.aws.usage_table import UsageDynamoTable
from retouch.infrastructure.local.usage_folder import UsageDocumentFolder, UsageFolder
from retouch.infrastructure.stores.usage_stores import usage_recorder
from retouch.usage.documents import Document
from retouch.usage.event import start_of_day
from retouch.usage.recorder import UsageRecorder
from retouch.usage.stores import UsageStore
from tests.support.orders import CREDENTIALS, create_aws_clients, moto_server
from tests.support.services import FakeClock
from tests.support.usage import DAY, NOON, TABLE, create_usage_table, make_event


@pytest.fixture(scope="module")
def moto_port():
    with moto_server() as port:
        create_usage_table(port)
        yield port


@pytest.fixture(params=["folder", "boto3", "small clients"])
def new_store(request, tmp_path):
    """Return a function that makes the store as another process has it."""
    if request.param == "folder":
        return lambda: UsageFolder(str(tmp_path))
    url = request.getfixturevalue("proxy").url
    return lambda: UsageDynamoTable(TABLE, 90, create_aws_clients(request.param, url))


@pytest.fixture
def workspace(request):
    """Return a workspace of this test only."""
    return f"w_{request.node.name}"


def test_event_is_read_as_it_is_by_another_process(new_store, workspace):
    event = make_event(workspace=workspace, metadata={"team": "ä"}, is_estimated=True, overrun=5)
    assert new_store().write_event(event)
    read = list(new_store().read_events(workspace, NOON, NOON + 1))
    assert read == [event]


def test_event_that_is_written_by_twenty_threads_is_stored_once(new_store, workspace):
    store, event = new_store(), make_event(workspace=workspace)
    barrier = threading.Barrier(20)

    def write(number):
        barrier.wait()
        return store.write_event(make_event(workspace=workspace, cost=number))

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(write, range(20))) == 1
    assert len(list(store.read_events(workspace, event.time, event.time + 1))) == 1


def test_events_are_read_by_time_and_only_those_of_the_workspace(new_store, workspace):
    store = new_store()
    for second in (5, 0, 3, 9):
        store.write_event(make_event(workspace=workspace, time=NOON + second))
    store.write_event(make_event(workspace=f"{workspace}2", time=NOON + 3))
    times = [event.time - NOON for event in store.read_events(workspace, NOON + 3, NOON + 9)]
    assert times == [3, 5]


def test_many_events_are_read_page_by_page(new_store, workspace):
    store = new_store()
    for number in range(40):
        pairs = {f"m{pair}": "x" * 4000 for pair in range(8)}
        store.write_event(make_event(workspace=workspace, order=f"o{number:02}", metadata=pairs))
    orders = [event.order for event in store.read_events(workspace, NOON, NOON + 1)]
    assert orders == [f"o{number:02}" for number in range(40)]


def test_events_of_a_trace_are_found_in_every_workspace(new_store, workspace):
    store = new_store()
    events = [
        make_event(workspace=workspace, trace=workspace, attempt=1),
        make_event(workspace=workspace, trace=workspace, attempt=2),
        make_event(workspace=f"{workspace}2", trace=workspace, attempt=1),
    ]
    for event in events:
        store.write_event(event)
    found = store.find_by_trace(workspace)
    assert sorted(found, key=lambda one: (one.workspace, one.attempt)) == events
    assert list(store.find_by_trace("nobody's")) == []


def test_event_without_a_trace_is_stored(new_store, workspace):
    assert new_store().write_event(make_event(workspace=workspace, trace=""))


def test_rollup_is_written_once_and_is_no_event(new_store, workspace):
    store = new_store()
    assert store.read_rollup(workspace, DAY) is None
    store.write_rollup(workspace, DAY, b"\x00first")
    store.write_rollup(workspace, DAY, b"second")
    assert new_store().read_rollup(workspace, DAY) == b"\x00first"
    start = start_of_day(DAY)
    assert list(store.read_events(workspace, start, start + 86_400)) == []


def test_workspaces_of_a_month_are_listed(new_store, workspace):
    recorder = UsageRecorder(new_store())
    recorder.write([make_event(workspace=workspace), make_event(workspace=workspace, attempt=2)])
    assert workspace in new_store().list_workspaces("2026-11")
    assert workspace not in new_store().list_workspaces("2026-10")


def test_event_whose_response_is_lost_is_stored_once(proxy, workspace):
    store, event = UsageDynamoTable(TABLE, 90, AwsClients()), make_event(workspace=workspace)
    proxy.lose(workspace.encode(), 1)
    store.write_event(event)
    assert proxy.lost == 1
    assert list(store.read_events(workspace, NOON, NOON + 1)) == [event]


def test_events_and_rollups_have_an_end(proxy, workspace):
    store = UsageDynamoTable(TABLE, 90, AwsClients())
    store.write_event(make_event(workspace=workspace))
    store.write_rollup(workspace, DAY, b"data")
    client = boto3.Session("testing", "testing", region_name="us-east-1").client(
        "dynamodb", endpoint_url=proxy.url
    )
    items = client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"U#{workspace}#{DAY}"}},
    )["Items"]
    ends = [int(item["expires"]["N"]) for item in items]
    assert ends == [NOON + 90 * 86_400, start_of_day(DAY) + 400 * 86_400]


def test_store_that_cannot_be_used_raises_its_own_error(tmp_path, monkeypatch):
    for name, value in {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_port()}",
    }.items():
        monkeypatch.setenv(name, value)
    broken: list[UsageStore] = [
        UsageFolder(str(tmp_path / "missing")),
        UsageDynamoTable(TABLE, 90, AwsClients()),
    ]
    for store in broken:
        with pytest.raises(UsageUnavailable):
            store.write_event(make_event())
        with pytest.raises(UsageUnavailable):
            list(store.read_events("w_shop", NOON, NOON + 1))


def test_settings_choose_the_store_and_whether_events_are_published(tmp_path):
    def recorder(**settings):
        return usage_recorder(Settings(**settings), AwsClients())

    assert recorder() is None
    folder = recorder(usage_folder=str(tmp_path))
    assert (type(folder.store), folder.publish) == (UsageFolder, None)
    table = recorder(usage_table=TABLE, usage_folder="ignored", event_bus="bus", stack_name="prod")
    assert (type(table.store), table.stack) == (UsageDynamoTable, "prod")
    assert table.publish is not None


@pytest.fixture(params=["folder", "boto3", "small clients"])
def new_documents(request, tmp_path):
    """Return a function that makes the store of documents as another process has it."""
    if request.param == "folder":
        return lambda: UsageDocumentFolder(str(tmp_path))
    url = request.getfixturevalue("proxy").url
    return lambda: UsageDynamoDocuments(
        TABLE, 90, create_aws_clients(request.param, url), FakeClock()
    )


def test_document_is_written_once_and_changed_only_from_its_present_version(
    new_documents, workspace
):
    one, other = new_documents(), new_documents()
    first = one.write(Document(workspace, "a", {"value": "ä"}))
    assert other.read(workspace, "a") == first
    assert other.write(Document(workspace, "a", {"value": "b"})) is None
    second = other.write(replace(first, values={"value": 2}))
    assert one.write(replace(first, values={"value": 3})) is None
    assert one.read(workspace, "a") == second
    assert one.read(workspace, "z") is None


def test_documents_of_a_group_are_read_by_their_ids(new_documents, workspace):
    store = new_documents()
    for name in ("b", "a", "c"):
        store.write(Document(workspace, name, {"name": name}))
    store.write(Document(f"{workspace}2", "d", {}))
    assert [one.values["name"] for one in store.read_group(workspace)] == ["a", "b", "c"]


def test_document_whose_response_is_lost_is_written(proxy, workspace):
    store = UsageDynamoDocuments(TABLE, 90, AwsClients(), FakeClock())
    proxy.lose(workspace.encode(), 1)
    written = store.write(Document(workspace, "a", {}))
    assert proxy.lost == 1
    assert store.read(workspace, "a") == written
