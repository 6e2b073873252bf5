"""Tests of the two stores of inboxes: S3 over a real socket, and a folder."""

import boto3
import pytest

from retouch.inbox.store import InboxUnavailable, WrittenFile
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.inbox_bucket import InboxBuckets
from retouch.infrastructure.local.inbox_folder import InboxFolder
from tests.support.orders import BUCKET, CREDENTIALS, moto_server
from tests.support.upstream import ScriptedResponse, Upstream

KEY = "inbox/white/my photo+1 (ü)%.png"


@pytest.fixture(scope="module")
def s3():
    with moto_server() as port, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }.items():
            patch.setenv(name, value)
        yield boto3.Session().client("s3")


@pytest.fixture(params=["bucket", "folder"])
def store(request, tmp_path):
    if request.param == "folder":
        return InboxFolder(str(tmp_path))
    s3 = request.getfixturevalue("s3")
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    return InboxBuckets(AwsClients())


def write(store, key=KEY, data=b"photo", replaces="", metadata=None):
    file = WrittenFile(BUCKET, key, data, "image/png", metadata or {"retouch-order": "ord_1"})
    return store.write(file, replaces)


def test_object_is_read_with_its_metadata_and_time(store):
    assert write(store)
    file = store.read(BUCKET, KEY)
    assert (file.data, file.metadata, file.is_own) == (b"photo", {"retouch-order": "ord_1"}, True)
    assert file.modified > 1_700_000_000
    head = store.read_metadata(BUCKET, KEY)
    assert (head.data, head.etag, head.metadata) == (b"", file.etag, file.metadata)


def test_object_is_read_only_in_the_version_that_is_asked_for(store):
    write(store)
    etag = store.read(BUCKET, KEY).etag
    assert store.read(BUCKET, KEY, etag).data == b"photo"
    write(store, data=b"newer", replaces=etag)
    assert store.read(BUCKET, KEY, etag) is None


def test_absent_object_is_none(store):
    assert store.read(BUCKET, "inbox/gone.png") is None
    assert store.read(BUCKET, "inbox/gone.png", "abc") is None
    assert store.read_metadata(BUCKET, "inbox/gone.png") is None
    assert list(store.list_objects(BUCKET, "nowhere/gone.")) == []


def test_listing_has_keys_etags_and_sizes_of_one_prefix(store):
    for name in ("photo.png", "photo.mask.png", "photo2.png"):
        write(store, f"inbox/white/{name}", name.encode())
    listed = store.list_objects(BUCKET, "inbox/white/photo.")
    assert [one.key for one in listed] == ["inbox/white/photo.mask.png", "inbox/white/photo.png"]
    first = store.read(BUCKET, listed[0].key)
    assert (listed[0].etag, listed[0].size) == (first.etag, len(first.data))


def test_write_is_refused_when_another_object_is_there(store):
    assert write(store)
    assert not write(store, data=b"other")
    assert not write(store, data=b"other", replaces="0" * 32)
    assert store.read(BUCKET, KEY).data == b"photo"


def test_write_in_place_of_a_deleted_object_is_refused(store):
    assert not write(store, replaces="0" * 32)


def test_bucket_that_does_not_exist_is_unavailable(s3):
    with pytest.raises(InboxUnavailable):
        InboxBuckets(AwsClients()).read_metadata("no-such-bucket-here", "")


def test_object_behind_a_delete_marker_is_none_and_its_older_version_is_not_read(s3):
    bucket = "versions"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    older, newer = (
        s3.put_object(Bucket=bucket, Key=KEY, Body=data)["ETag"].strip('"') for data in (b"1", b"2")
    )
    store = InboxBuckets(AwsClients())
    assert store.read(bucket, KEY, older) is None
    current = store.read(bucket, KEY, newer)
    assert current is not None
    assert current.data == b"2"
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert store.read(bucket, KEY, newer) is None
    assert store.read_metadata(bucket, KEY) is None


def test_bucket_without_permission_is_unavailable_and_no_absent_object(s3, monkeypatch):
    denied = ScriptedResponse(403, b"<Error><Code>AccessDenied</Code></Error>")
    with Upstream(denied) as server:
        monkeypatch.setattr(server, "download", lambda handler: server.serve(handler))
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        store = InboxBuckets(AwsClients())
        for call in (
            lambda: store.read(BUCKET, KEY),
            lambda: store.list_objects(BUCKET, "inbox/"),
            lambda: write(store),
        ):
            with pytest.raises(InboxUnavailable):
                call()


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "inbox/../../x", "a\0b"])
def test_key_that_leaves_the_folder_is_refused(tmp_path, key):
    with pytest.raises(InboxUnavailable):
        InboxFolder(str(tmp_path)).read("b", key)


def test_file_that_a_user_has_copied_has_no_metadata(tmp_path):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "a.png").write_bytes(b"x")
    file = InboxFolder(str(tmp_path)).read("b", "inbox/a.png")
    assert file is not None
    assert (file.metadata, file.is_own) == ({}, False)


def test_file_that_a_user_puts_in_place_of_a_result_is_no_result(tmp_path):
    store = InboxFolder(str(tmp_path))
    write(store)
    (tmp_path / KEY).write_bytes(b"own photo")
    file = store.read(BUCKET, KEY)
    assert file is not None
    assert not file.is_own
