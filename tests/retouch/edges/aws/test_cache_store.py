"""Cached answers in S3: read while they are young, missed in every other case, never the reason for a failure."""

import logging
import time

import pytest

from retouch.cache import Entry, look, pack, remember
from retouch.edges.aws.cache_store import CacheStore
from retouch.edges.aws.session import Aws
from retouch.messages import Artifact
from retouch.settings import Settings
from tests.support.house import TestClock
from tests.support.mirror import BUCKET
from tests.support.pictures import photo
from tests.support.upstream import Answer, Upstream, closed_port

DAY = 86_400
ENTRY = Entry((Artifact(data=photo(640, 480), facts={"size": "640x480"}),))


class Clock(TestClock):
    """Unix time that goes only where it is told to."""

    def unix(self):
        return 1_800_000_000 + int(self.skipped)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(aws, clock):
    return CacheStore(Settings(bucket=BUCKET), clock, Aws())


def test_what_was_put_is_found(aws, store):
    assert store.get("t/n/k", DAY) is None
    store.put("t/n/k", b"first", DAY)
    assert store.get("t/n/k", DAY) == b"first"
    store.put("t/n/k", b"second", DAY)
    assert store.get("t/n/k", DAY) == b"second"
    assert aws.objects() == {"cache/t/n/k": b"second"}


def test_a_miss_is_nothing_to_write_home_about(store, caplog):
    with caplog.at_level(logging.DEBUG, "retouch"):
        assert store.get("t/n/k", DAY) is None
    assert [r for r in caplog.records if r.name == "retouch"] == []


@pytest.mark.parametrize(
    ("written", "read", "age", "found"),
    [
        (DAY, DAY, DAY, True),
        (DAY, DAY, DAY + 1, False),
        (DAY, 60, 61, False),
        (60, DAY, 61, False),
        (60, DAY, 60, True),
    ],
)
def test_reader_and_writer_both_say_how_old_it_may_be(store, clock, written, read, age, found):
    store.put("k", b"data", written)
    clock.skipped += age
    assert store.get("k", read) == (b"data" if found else None)


@pytest.mark.parametrize(
    "metadata", [{}, {"created": "soon", "max-age": "9"}, {"created": "1800000000"}]
)
def test_an_object_without_its_age_is_a_miss(aws, store, metadata):
    aws.s3.put_object(Bucket=BUCKET, Key="cache/k", Body=b"data", Metadata=metadata)
    assert store.get("k", DAY) is None


def test_an_entry_comes_back_whole(store):
    remember(store, "t/n/k", ENTRY, None)
    assert look(store, "t/n/k", None, refresh=False) == ("HIT", ENTRY)


def test_a_damaged_or_cut_entry_is_a_miss(store):
    data = pack(ENTRY)
    for damaged in (data[:-1], data[: len(data) // 2], b"", data[:99] + b"\x00" + data[100:]):
        store.put("t/n/k", damaged, DAY)
        assert look(store, "t/n/k", None, refresh=False) == ("MISS", None)


def test_without_a_bucket_nothing_is_asked(clock):
    class Never(Aws):
        def client(self, *of, **terms):
            raise AssertionError("a client was made")

    store = CacheStore(Settings(), clock, Never())
    store.put("k", b"data", DAY)
    assert store.get("k", DAY) is None


BROKEN = {
    "refused": Answer(403, b"<Error><Code>AccessDenied</Code></Error>"),
    "no bucket": Answer(404, b"<Error><Code>NoSuchBucket</Code></Error>"),
    "nonsense": Answer(200, b"?", {"x-amz-meta-created": "x"}),
    "cut": Answer(
        200,
        b"x" * 100_000,
        {"x-amz-meta-created": "1800000000", "x-amz-meta-max-age": "86400"},
        fault="cut",
    ),
    "reset": Answer(fault="reset"),
    "nobody": None,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_bucket_is_a_miss_and_a_line_in_the_log(answer, aws, clock, monkeypatch, caplog):
    with Upstream(answer or Answer()) as bucket:
        url = bucket.url if answer else f"http://127.0.0.1:{closed_port()}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        bucket.download = lambda handler: bucket.answer(handler, bucket.answers[0])
        store = CacheStore(Settings(bucket=BUCKET), clock, Aws())
        started = time.monotonic()
        with caplog.at_level(logging.WARNING, "retouch"):
            assert store.get("k", DAY) is None
        assert "the cache could not be read" in caplog.text
        assert time.monotonic() - started < 20  # the bucket that hangs does so for a minute


def test_what_cannot_be_written_is_a_line_in_the_log(aws, store, caplog):
    aws.s3.delete_bucket(Bucket=BUCKET)
    with caplog.at_level(logging.WARNING, "retouch"):
        store.put("k", b"data", DAY)
    assert "the cache could not be written" in caplog.text
    assert store.get("k", DAY) is None
