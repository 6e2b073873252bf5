"""Edits that fetch through the mirror: it reads as the fetcher does, in bytes and in errors."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from retouch.clock import SystemClock
from retouch.edges.aws.session import Aws
from retouch.edges.fetch.queue import QueuedFetch
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from tests.support.events import context
from tests.support.house import TestClock
from tests.support.mirror import BUCKET, build_mirror
from tests.support.pictures import photo

PNG = photo(40, 30)


@contextmanager
def working(mirror, aws):
    """The mirror at the other end of the queue."""
    over = threading.Event()

    def work():
        while not over.is_set():
            batch = aws.batch()
            if batch["Records"]:
                aws.settle(batch, mirror.handler(batch, context()))
            over.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def mirror(aws, web):
    web.files.update({"/a.png": PNG, "/cut.png": PNG[:-20]})
    web.status("/busy.png", 503)
    mirror = build_mirror(aws, web)
    mirror.desk.store.client.list_buckets()
    return mirror


def read(mirror, url, seconds=20.0, **limits):
    clock = SystemClock()
    policy = replace(Policy.from_text(mirror.settings.fetch_allow), **limits)
    return QueuedFetch(mirror.settings, clock, Aws()).read(url, clock.now() + seconds, policy)


def test_the_same_bytes(mirror, aws, web):
    with working(mirror, aws):
        assert read(mirror, web.url + "/a.png") == PNG
        assert read(mirror, web.url + "/a.png", most_bytes=len(PNG)) == PNG


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/gone.png", "fetch_expired", False),
        ("/busy.png", "fetch_failed", True),
        ("/cut.png", "fetch_unsupported_media", False),
    ],
)
def test_the_matching_error(mirror, aws, web, path, code, retryable):
    with working(mirror, aws), pytest.raises(FetchError) as caught:
        read(mirror, web.url + path)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert "cut short" in str(caught.value) or path != "/cut.png"


def test_what_the_guard_refuses_is_refused_in_the_same_words(mirror, aws):
    with working(mirror, aws), pytest.raises(FetchError) as caught:
        read(mirror, "https://169.254.169.254/")
    assert str(caught.value) == str(FetchError("address_not_public"))
    assert caught.value.reason == "address_not_public"


def test_more_than_wanted(mirror, aws, web):
    with working(mirror, aws), pytest.raises(FetchError) as caught:
        read(mirror, web.url + "/a.png", most_bytes=len(PNG) - 1)
    assert caught.value.code == "fetch_too_large"


def test_nobody_answers(aws, mirror):
    clock = TestClock()
    fetch = QueuedFetch(mirror.settings, clock, Aws())
    with pytest.raises(FetchError) as caught:
        fetch.read("https://a.example/", clock.now() + 10, Policy())
    assert (caught.value.code, caught.value.retryable) == ("fetch_failed", True)
    assert clock.slept[0] == 0.3
    assert max(clock.slept) == 1.5
    assert clock.slept == sorted(clock.slept)
    assert 8 < sum(clock.slept) <= 10


def test_the_bucket_is_away(aws, mirror, web):
    settings = build_mirror(aws, RETOUCH_BUCKET="no-such-bucket").settings
    clock = TestClock()
    with pytest.raises(FetchError) as caught:
        QueuedFetch(settings, clock, Aws()).read("https://a.example/", clock.now() + 10, Policy())
    assert caught.value.retryable


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"{}",
        b'{"key": "cut short',
        b'{"key": "results/x.png", "error": null, "reason": "", "transient": false}',
        b'{"key": "mirror/other.png", "error": null, "reason": "", "transient": false}',
    ],
)
def test_an_answer_that_is_none(aws, mirror, answer, monkeypatch):
    name = "00000000-0000-4000-8000-000000000000"
    monkeypatch.setattr("retouch.edges.fetch.queue.uuid.uuid4", lambda: name)
    aws.s3.put_object(Bucket=BUCKET, Key=f"mirror/answers/{name}.json", Body=answer)
    aws.s3.put_object(Bucket=BUCKET, Key="mirror/other.png", Body=PNG)
    with pytest.raises(FetchError) as caught:
        read(mirror, "https://a.example/")
    assert caught.value.code == "fetch_failed"
