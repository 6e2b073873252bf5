"""Tests of uploads to S3: conditional, with checksums, in one or several parts, and never partial.

moto supports If-None-Match but does not compare checksums, so these tests check the request bytes.
"""

import hashlib
import io
import threading
from base64 import b64encode
from itertools import pairwise

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.mirror_bucket import MirrorBucket, permanent_links
from retouch.infrastructure.body_spool import spool_body
from retouch.mirror.services import MirrorObject, StoreFailed
from tests.support.mirror import BUCKET
from tests.support.services import FakeClock

MIB = 1024 * 1024
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>busy</Message></Error>"
BROKEN = b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>"


@pytest.fixture
def store(aws):
    return MirrorBucket(Settings(bucket=BUCKET), FakeClock(), AwsClients())


def build_asset(key="mirror/x.png"):
    return MirrorObject(key, "image/png", "private", {"who": "me"})


def chunks(size):
    """Yield bytes that differ at every position, 64 KiB at a time."""
    block = bytes(range(256)) * 256
    for start in range(0, size, len(block)):
        yield (start.to_bytes(8) + block)[: min(len(block), size - start)]


def put_body(store, size, key="mirror/x.png"):
    with spool_body(chunks(size)) as body:
        return store.put(build_asset(key), body)


@pytest.fixture
def s3_requests(store):
    """Return a recorder of every request: [(operation, headers, body)]. `canned_responses` replace those of S3."""
    return S3RequestRecorder(store.client)


class S3RequestRecorder:
    def __init__(self, client):
        self.requests, self.canned_responses = [], {}
        client.meta.events.register("before-send.s3", self.record_request)

    def record_request(self, request, event_name, **_):
        name = event_name.rsplit(".", 1)[-1]
        body = request.body.read() if hasattr(request.body, "read") else request.body
        if hasattr(request.body, "seek"):
            request.body.seek(0)
        self.requests.append((name, dict(request.headers), body))
        responses = self.canned_responses.get(name)
        if not responses:
            return None
        status, document = responses.pop(0)
        return AWSResponse(request.url, status, HTTPHeaders(), RawResponse(document))

    def requests_of_operation(self, name):
        return [(headers, body) for operation, headers, body in self.requests if operation == name]


class RawResponse(io.BytesIO):
    """A minimal urllib3 response."""

    def stream(self, **_):
        yield self.read()


def checksum(data):
    return b64encode(hashlib.sha256(data).digest()).decode()


def header(headers, name):
    (value,) = [v for k, v in headers.items() if k.lower() == name]
    return value.decode() if isinstance(value, bytes) else value


def unfinished_uploads(aws):
    return aws.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


@pytest.mark.parametrize("size", [1, 8 * MIB + 1, 16 * MIB])
def test_body_up_to_16_mib_is_stored_with_one_request(store, s3_requests, aws, size):
    assert put_body(store, size) is True
    assert {name for name, _, _ in s3_requests.requests} == {"PutObject"}
    ((headers, body),) = s3_requests.requests_of_operation("PutObject")
    assert len(body) == size
    assert header(headers, "if-none-match") == "*"
    assert header(headers, "x-amz-checksum-sha256") == checksum(b"".join(chunks(size)))
    assert aws.objects() == {"mirror/x.png": b"".join(chunks(size))}


def test_body_above_16_mib_is_stored_in_parts_with_checksums(store, s3_requests, aws):
    size = 16 * MIB + 1
    assert put_body(store, size) is True
    parts = s3_requests.requests_of_operation("UploadPart")
    assert [len(body) for _, body in parts] == [8 * MIB, 8 * MIB, 1]
    for headers, body in parts:
        assert header(headers, "x-amz-checksum-sha256") == checksum(body)
    ((started, _),) = s3_requests.requests_of_operation("CreateMultipartUpload")
    assert header(started, "x-amz-checksum-algorithm") == "SHA256"
    ((completed, document),) = s3_requests.requests_of_operation("CompleteMultipartUpload")
    assert header(completed, "if-none-match") == "*"
    assert document.count(b"<ChecksumSHA256>") == 3
    (data,) = aws.objects().values()
    assert data == b"".join(chunks(size))
    head = aws.head("mirror/x.png")
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"who": "me"})
    assert unfinished_uploads(aws) == []


@pytest.mark.parametrize("size", [100, 17 * MIB])
def test_existing_key_is_not_overwritten(store, aws, size):
    aws.s3.put_object(Bucket=BUCKET, Key="mirror/x.png", Body=b"first")
    assert put_body(store, size) is False
    assert aws.objects() == {"mirror/x.png": b"first"}
    assert unfinished_uploads(aws) == []


def test_concurrent_puts_of_same_key_store_once(aws):
    store = MirrorBucket(Settings(bucket=BUCKET), SystemClock(), AwsClients())
    results, start = [], threading.Barrier(12)

    def put_after_barrier():
        start.wait()
        results.append(put_body(store, 1000))

    threads = [threading.Thread(target=put_after_barrier) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 11 + [True]


@pytest.mark.parametrize("size", [100, 17 * MIB])
def test_conditional_conflict_is_retried_and_stored(store, s3_requests, aws, size):
    last = "PutObject" if size == 100 else "CompleteMultipartUpload"
    s3_requests.canned_responses[last] = [(409, CONFLICT)] * 2
    assert put_body(store, size) is True
    assert len(s3_requests.requests_of_operation(last)) == 3
    assert len(aws.objects()) == 1
    assert unfinished_uploads(aws) == []


def test_repeated_conflict_fails_after_three_growing_pauses(aws):
    clock = FakeClock()
    store = MirrorBucket(Settings(bucket=BUCKET), clock, AwsClients())
    S3RequestRecorder(store.client).canned_responses["PutObject"] = [(409, CONFLICT)] * 9
    with pytest.raises(StoreFailed, match="busy"):
        put_body(store, 100)
    assert len(clock.sleeps) == 3
    assert all(later > sooner for sooner, later in pairwise(clock.sleeps))


@pytest.mark.parametrize("broken", ["UploadPart", "CompleteMultipartUpload"])
def test_failed_multipart_upload_is_aborted(store, s3_requests, aws, broken):
    s3_requests.canned_responses[broken] = [(400, BROKEN)] * 9
    with pytest.raises(StoreFailed):
        put_body(store, 17 * MIB)
    assert aws.objects() == {}
    assert unfinished_uploads(aws) == []


def test_body_that_fails_while_read_again_is_not_stored(store, aws):
    """The temporary file fails while it is read a second time."""

    class FailingBody:
        size, sha256 = 17 * MIB, bytes(32)

        def read_parts(self, size):
            yield bytes(size)
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        store.put(build_asset(), FailingBody())
    assert aws.objects() == {}
    assert unfinished_uploads(aws) == []


def test_put_into_missing_bucket_raises_store_failed(aws):
    with pytest.raises(StoreFailed):
        put_body(MirrorBucket(Settings(bucket="not-there"), FakeClock(), AwsClients()), 10)


@pytest.mark.parametrize("size", [10, 17 * MIB], ids=["single", "multipart"])
def test_stored_object_is_renewed_when_the_bucket_deletes_by_age(aws, size):
    store = MirrorBucket(Settings(bucket=BUCKET, mirror_days=30), FakeClock(), AwsClients())
    recorder = S3RequestRecorder(store.client)
    assert [put_body(store, size), put_body(store, size)] == [True, True]
    assert not [h for _, h, _ in recorder.requests if "if-none-match" in {n.lower() for n in h}]


def test_cdn_links_end_when_the_bucket_deletes_the_object():
    assert permanent_links("https://cdn.example")("k", 60, 1000) == ("https://cdn.example/k", None)
    link, expires_at = permanent_links("https://cdn.example", 30)("k", 60, 1000)
    assert (link, expires_at) == ("https://cdn.example/k", 1000 + 30 * 86_400)
