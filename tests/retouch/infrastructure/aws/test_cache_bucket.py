"""Tests of cached results in S3. A fresh entry is a hit. Every other case is a miss and never an error."""

import logging
import time

import pytest

from devserver.ports import unused_port
from retouch.core.edit_types import GeneratedImage
from retouch.core.settings import Settings
from retouch.gateway.cache import CacheEntry, lookup_entry, pack_entry, save_entry
from retouch.infrastructure.aws.cache_bucket import CacheBucket
from retouch.infrastructure.aws.clients import AwsClients
from tests.support.images import photo
from tests.support.mirror import BUCKET
from tests.support.services import FakeClock
from tests.support.time_budgets import time_budget
from tests.support.upstream import ScriptedResponse, Upstream

DAY = 86_400
ENTRY = CacheEntry((GeneratedImage(data=photo(640, 480), metadata={"size": "640x480"}),))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(aws, clock):
    return CacheBucket(Settings(bucket=BUCKET), clock, AwsClients())


def test_stored_entry_is_returned_and_can_be_replaced(aws, store):
    assert store.get("t/n/k", DAY) is None
    store.put("t/n/k", b"first", DAY)
    assert store.get("t/n/k", DAY) == b"first"
    store.put("t/n/k", b"second", DAY)
    assert store.get("t/n/k", DAY) == b"second"
    assert aws.objects() == {"cache/t/n/k": b"second"}


def test_missing_entry_logs_nothing(store, caplog):
    with caplog.at_level(logging.DEBUG, "retouch"):
        assert store.get("t/n/k", DAY) is None
    assert [r for r in caplog.records if r.name == "retouch"] == []


@pytest.mark.parametrize(
    ("written", "read", "age", "expect_hit"),
    [
        (DAY, DAY, DAY, True),
        (DAY, DAY, DAY + 1, False),
        (DAY, 60, 61, False),
        (60, DAY, 61, False),
        (60, DAY, 60, True),
    ],
)
def test_entry_older_than_reader_or_writer_max_age_is_a_miss(
    store, clock, written, read, age, expect_hit
):
    store.put("k", b"data", written)
    clock.advance(age)
    assert store.get("k", read) == (b"data" if expect_hit else None)


@pytest.mark.parametrize(
    "metadata", [{}, {"created": "soon", "max-age": "9"}, {"created": "1800000000"}]
)
def test_object_without_valid_age_metadata_is_a_miss(aws, store, metadata):
    aws.s3.put_object(Bucket=BUCKET, Key="cache/k", Body=b"data", Metadata=metadata)
    assert store.get("k", DAY) is None


def test_saved_entry_is_looked_up_unchanged(store):
    save_entry(store, "t/n/k", ENTRY, None, time_budget())
    assert lookup_entry(store, "t/n/k", None, time_budget(), refresh=False) == ("HIT", ENTRY)


def test_damaged_or_truncated_entry_is_a_miss(store):
    data = pack_entry(ENTRY)
    for damaged in (data[:-1], data[: len(data) // 2], b"", data[:99] + b"\x00" + data[100:]):
        store.put("t/n/k", damaged, DAY)
        assert lookup_entry(store, "t/n/k", None, time_budget(), refresh=False) == ("MISS", None)


def test_store_without_bucket_makes_no_client(clock):
    class ForbiddenAws(AwsClients):
        def client(self, *args, **kwargs):
            raise AssertionError("a client was made")

    store = CacheBucket(Settings(), clock, ForbiddenAws())
    store.put("k", b"data", DAY)
    assert store.get("k", DAY) is None


BROKEN = {
    "refused": ScriptedResponse(403, b"<Error><Code>AccessDenied</Code></Error>"),
    "no bucket": ScriptedResponse(404, b"<Error><Code>NoSuchBucket</Code></Error>"),
    "nonsense": ScriptedResponse(200, b"?", {"x-amz-meta-created": "x"}),
    "cut": ScriptedResponse(
        200,
        b"x" * 100_000,
        {"x-amz-meta-created": "1800000000", "x-amz-meta-max-age": "86400"},
        network_failure="cut",
    ),
    "reset": ScriptedResponse(network_failure="reset"),
    "nobody": None,
}


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
def test_broken_bucket_is_a_miss_and_logs_a_warning(response, aws, clock, monkeypatch, caplog):
    with Upstream(response or ScriptedResponse()) as bucket:
        url = bucket.url if response else f"http://127.0.0.1:{unused_port()}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        monkeypatch.setattr(
            bucket,
            "download",
            lambda handler: bucket.write_response(handler, bucket.responses[0]),
        )
        store = CacheBucket(Settings(bucket=BUCKET), clock, AwsClients())
        started = time.monotonic()
        with caplog.at_level(logging.WARNING, "retouch"):
            assert store.get("k", DAY) is None
        assert "the cache could not be read" in caplog.text
        assert time.monotonic() - started < 20  # a hanging bucket would take a minute


def test_failed_write_logs_a_warning(aws, store, caplog):
    aws.s3.delete_bucket(Bucket=BUCKET)
    with caplog.at_level(logging.WARNING, "retouch"):
        store.put("k", b"data", DAY)
    assert "the cache could not be written" in caplog.text
    assert store.get("k", DAY) is None
