"""Tests of the stores of recent edits. All of them behave alike."""

import boto3
import pytest
from moto import mock_aws

from retouch.core.settings import Settings
from retouch.gateway.recent_edits import InMemoryRecentEdits
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.recent_edit_table import RecentEditTable
from retouch.infrastructure.recent_edit_folder import RecentEditFolder
from retouch.infrastructure.recent_edit_store import recent_edit_store
from tests.support.upstream import unused_port

NOW = 1_800_000_000
EDIT, OTHER = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(params=["memory", "folder", "table"])
def two_processes(request, tmp_path):
    """Yield the stores of two processes that share their edits. In memory it is one process."""
    if request.param == "memory":
        store = InMemoryRecentEdits()
        yield store, store
    elif request.param == "folder":
        yield RecentEditFolder(str(tmp_path)), RecentEditFolder(str(tmp_path))
    else:
        with mock_aws():
            boto3.Session().client("dynamodb").create_table(
                TableName="edits",
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            yield RecentEditTable("edits", AwsClients()), RecentEditTable("edits", AwsClients())


def test_added_edit_is_found_by_the_other_process_until_it_expires(two_processes):
    first, second = two_processes
    first.add(EDIT, NOW + 10)
    assert second.contains(EDIT, NOW + 9)
    assert not second.contains(OTHER, NOW)
    assert not second.contains(EDIT, NOW + 10)


def test_second_add_changes_the_time_of_expiry(two_processes):
    first, second = two_processes
    first.add(EDIT, NOW + 900)
    first.add(EDIT, NOW + 10)
    assert not second.contains(EDIT, NOW + 11)


def test_removed_edit_is_not_found(two_processes):
    first, second = two_processes
    first.add(EDIT, NOW + 10)
    second.remove(EDIT)
    second.remove(EDIT)
    assert not first.contains(EDIT, NOW)


def test_table_that_does_not_answer_stores_and_finds_nothing_and_is_logged(monkeypatch, caplog):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port()}")
    store = RecentEditTable("edits", AwsClients())
    store.add(EDIT, NOW + 10)
    store.remove(EDIT)
    assert not store.contains(EDIT, NOW)
    assert [r.message for r in caplog.records] == ["the table of recent edits cannot be used"] * 3


def test_folder_that_is_gone_stores_and_finds_nothing_and_is_logged(tmp_path, caplog):
    store = RecentEditFolder(str(tmp_path / "gone"))
    store.add(EDIT, NOW + 10)
    store.remove(EDIT)
    assert not store.contains(EDIT, NOW)
    assert {r.message for r in caplog.records} == {"the folder of recent edits cannot be used"}


def test_folder_has_no_file_that_is_only_half_written(tmp_path):
    (tmp_path / EDIT).write_text("")
    assert not RecentEditFolder(str(tmp_path)).contains(EDIT, NOW)


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({}, InMemoryRecentEdits),
        ({"RETOUCH_RECENT_EDITS_FOLDER": "/f"}, RecentEditFolder),
        ({"RETOUCH_RECENT_EDITS_TABLE": "t"}, RecentEditTable),
        ({"RETOUCH_RECENT_EDITS_TABLE": "t", "RETOUCH_RECENT_EDITS_FOLDER": "/f"}, RecentEditTable),
    ],
)
def test_store_follows_the_settings(env, kind):
    assert isinstance(recent_edit_store(Settings.from_env(env), AwsClients()), kind)
