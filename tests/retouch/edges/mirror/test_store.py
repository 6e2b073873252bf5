"""How objects reach S3: conditional, with checksums, in one piece or in parts, and never half.

moto keeps to If-None-Match but does not compare checksums, so the bytes on the wire are compared here.
"""

import hashlib
import io
import threading
from base64 import b64encode
from itertools import pairwise

import pytest
from botocore.awsrequest import AWSResponse

from retouch.clock import SystemClock
from retouch.edges.aws.session import Aws
from retouch.edges.mirror.spool import spool
from retouch.edges.mirror.store import MirrorStore
from retouch.mirror.yard import Asset, StoreFailed
from retouch.settings import Settings
from tests.support.house import TestClock
from tests.support.mirror import BUCKET

MIB = 1024 * 1024
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>busy</Message></Error>"
BROKEN = b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>"


@pytest.fixture
def store(aws):
    return MirrorStore(Settings(bucket=BUCKET), TestClock(), Aws())


def asset(key="mirror/x.png"):
    return Asset(key, "image/png", "private", {"who": "me"})


def chunks(size):
    """Bytes that differ from place to place, 64 KiB at a time."""
    block = bytes(range(256)) * 256
    for start in range(0, size, len(block)):
        yield (start.to_bytes(8) + block)[: min(len(block), size - start)]


def put(store, size, key="mirror/x.png"):
    with spool(chunks(size)) as body:
        return store.put(asset(key), body)


@pytest.fixture
def wire(store):
    """Every request as it is sent: [(operation, headers, body)]. `wire.answers` are given instead of S3's."""
    return Wire(store.client)


class Wire:
    def __init__(self, client):
        self.sent, self.answers = [], {}
        client.meta.events.register("before-send.s3", self.see)

    def see(self, request, event_name, **_):
        name = event_name.rsplit(".", 1)[-1]
        body = request.body.read() if hasattr(request.body, "read") else request.body
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        self.sent.append((name, dict(request.headers), body))
        waiting = self.answers.get(name)
        if not waiting:
            return None
        status, document = waiting.pop(0)
        return AWSResponse(request.url, status, {}, Raw(document))

    def named(self, name):
        return [(headers, body) for operation, headers, body in self.sent if operation == name]


class Raw(io.BytesIO):
    """What urllib3's response would be."""

    def stream(self, **_):
        yield self.read()


def checksum(data):
    return b64encode(hashlib.sha256(data).digest()).decode()


def header(headers, name):
    (value,) = [v for k, v in headers.items() if k.lower() == name]
    return value.decode() if isinstance(value, bytes) else value


def left_over(aws):
    return aws.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


@pytest.mark.parametrize("size", [1, 8 * MIB + 1, 16 * MIB])
def test_one_request_up_to_16_mib(store, wire, aws, size):
    assert put(store, size) is True
    assert {name for name, _, _ in wire.sent} == {"PutObject"}
    ((headers, body),) = wire.named("PutObject")
    assert len(body) == size
    assert header(headers, "if-none-match") == "*"
    assert header(headers, "x-amz-checksum-sha256") == checksum(b"".join(chunks(size)))
    assert aws.objects() == {"mirror/x.png": b"".join(chunks(size))}


def test_above_that_in_parts_each_with_its_checksum(store, wire, aws):
    size = 16 * MIB + 1
    assert put(store, size) is True
    parts = wire.named("UploadPart")
    assert [len(body) for _, body in parts] == [8 * MIB, 8 * MIB, 1]
    for headers, body in parts:
        assert header(headers, "x-amz-checksum-sha256") == checksum(body)
    ((started, _),) = wire.named("CreateMultipartUpload")
    assert header(started, "x-amz-checksum-algorithm") == "SHA256"
    ((completed, document),) = wire.named("CompleteMultipartUpload")
    assert header(completed, "if-none-match") == "*"
    assert document.count(b"<ChecksumSHA256>") == 3
    (data,) = aws.objects().values()
    assert data == b"".join(chunks(size))
    head = aws.head("mirror/x.png")
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"who": "me"})
    assert left_over(aws) == []


@pytest.mark.parametrize("size", [100, 17 * MIB])
def test_a_key_that_is_taken_is_left_as_it_is(store, aws, size):
    aws.s3.put_object(Bucket=BUCKET, Key="mirror/x.png", Body=b"first")
    assert put(store, size) is False
    assert aws.objects() == {"mirror/x.png": b"first"}
    assert left_over(aws) == []


def test_of_many_at_once_one_wins(aws):
    store = MirrorStore(Settings(bucket=BUCKET), SystemClock(), Aws())
    found, start = [], threading.Barrier(12)

    def race():
        start.wait()
        found.append(put(store, 1000))

    threads = [threading.Thread(target=race) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 11 + [True]


@pytest.mark.parametrize("size", [100, 17 * MIB])
def test_a_conflict_is_tried_again_and_counts_as_stored(store, wire, aws, size):
    last = "PutObject" if size == 100 else "CompleteMultipartUpload"
    wire.answers[last] = [(409, CONFLICT)] * 2
    assert put(store, size) is True
    assert len(wire.named(last)) == 3
    assert len(aws.objects()) == 1
    assert left_over(aws) == []


def test_but_not_for_ever_and_not_at_once(aws):
    clock = TestClock()
    store = MirrorStore(Settings(bucket=BUCKET), clock, Aws())
    Wire(store.client).answers["PutObject"] = [(409, CONFLICT)] * 9
    with pytest.raises(StoreFailed, match="busy"):
        put(store, 100)
    assert len(clock.slept) == 3
    assert all(later > sooner for sooner, later in pairwise(clock.slept))


@pytest.mark.parametrize("broken", ["UploadPart", "CompleteMultipartUpload"])
def test_what_breaks_off_leaves_nothing_behind(store, wire, aws, broken):
    wire.answers[broken] = [(400, BROKEN)] * 9
    with pytest.raises(StoreFailed):
        put(store, 17 * MIB)
    assert aws.objects() == {}
    assert left_over(aws) == []


def test_a_body_that_changes_its_mind_is_not_stored(store, aws):
    """The temporary file breaks while it is read again."""

    class Failing:
        size, sha256 = 17 * MIB, bytes(32)

        def parts(self, size):
            yield bytes(size)
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        store.put(asset(), Failing())
    assert aws.objects() == {}
    assert left_over(aws) == []


def test_no_such_bucket(aws):
    with pytest.raises(StoreFailed):
        put(MirrorStore(Settings(bucket="not-there"), TestClock(), Aws()), 10)
