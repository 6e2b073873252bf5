"""Tests of edits that fetch through the mirror queue: the same bytes and the same errors as a direct fetch."""

import gzip
from dataclasses import replace

import pytest

from retouch.core.clock import SystemClock
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import RESULT_FORMATS, FetchPolicy
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.fetch.queued_fetcher import QueuedFetcher
from tests.support.images import encode_image, photo, scene
from tests.support.mirror import BUCKET, build_mirror, running_mirror
from tests.support.services import FakeClock
from tests.support.unusual_results import CONVERTED_FORMATS, JPEG_XL
from tests.support.upstream import ScriptedResponse

PNG = photo(40, 30)


@pytest.fixture
def mirror(aws, web):
    web.files.update({"/a.png": PNG, "/page.html": b"<!doctype html><title>404</title>"})
    web.set_status("/busy.png", 503)
    mirror = build_mirror(aws, web)
    mirror.consumer.store.client.list_buckets()
    return mirror


def fetch_through_queue(mirror, url, seconds=20.0, **limits):
    clock = SystemClock()
    policy = replace(FetchPolicy.from_text(mirror.settings.fetch_allowlist), **limits)
    return QueuedFetcher(mirror.settings, clock, AwsClients()).read(
        url, clock.now() + seconds, policy
    )


def test_queued_fetch_returns_the_same_bytes(mirror, aws, web):
    with running_mirror(mirror, aws):
        assert fetch_through_queue(mirror, web.url + "/a.png") == PNG
        assert fetch_through_queue(mirror, web.url + "/a.png", max_bytes=len(PNG)) == PNG


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/gone.png", "fetch_expired", False),
        ("/busy.png", "fetch_failed", True),
        ("/page.html", "fetch_unsupported_media", False),
    ],
)
def test_queued_fetch_failure_raises_matching_error(mirror, aws, web, path, code, retryable):
    with running_mirror(mirror, aws), pytest.raises(FetchError) as exc_info:
        fetch_through_queue(mirror, web.url + path)
    assert (exc_info.value.code, exc_info.value.retryable) == (code, retryable)


@pytest.mark.parametrize(
    "data",
    [PNG[:-20], JPEG_XL, *(encode_image(scene(), format) for format in CONVERTED_FORMATS)],
    ids=lambda data: f"{data[:12]!r}",
)
def test_queued_fetch_returns_any_image_for_the_edit_to_check(mirror, aws, web, data):
    web.files["/a"] = data
    with running_mirror(mirror, aws):
        assert fetch_through_queue(mirror, web.url + "/a", formats=RESULT_FORMATS) == data


def test_queued_fetch_of_a_compressed_result_returns_the_image(mirror, aws, web):
    body = gzip.compress(PNG)
    web.scripts["/a"] = lambda handler: web.write_response(
        handler, ScriptedResponse(200, body, {"content-encoding": "gzip"})
    )
    with running_mirror(mirror, aws):
        assert fetch_through_queue(mirror, web.url + "/a") == PNG


def test_format_that_the_policy_does_not_accept_raises_the_same_error_through_queue(
    mirror, aws, web
):
    web.files["/a"] = JPEG_XL
    with running_mirror(mirror, aws), pytest.raises(FetchError) as exc_info:
        fetch_through_queue(mirror, web.url + "/a")
    assert str(exc_info.value) == str(FetchPolicy().unsupported_format_error())


def test_url_rejected_by_policy_raises_the_same_error_through_queue(mirror, aws):
    with running_mirror(mirror, aws), pytest.raises(FetchError) as exc_info:
        fetch_through_queue(mirror, "https://169.254.169.254/")
    assert str(exc_info.value) == str(FetchError("address_not_public"))
    assert exc_info.value.reason == "address_not_public"


def test_image_over_max_bytes_raises_fetch_too_large(mirror, aws, web):
    with running_mirror(mirror, aws), pytest.raises(FetchError) as exc_info:
        fetch_through_queue(mirror, web.url + "/a.png", max_bytes=len(PNG) - 1)
    assert exc_info.value.code == "fetch_too_large"


def test_missing_response_raises_retryable_error_at_deadline(aws, mirror):
    clock = FakeClock()
    fetch = QueuedFetcher(mirror.settings, clock, AwsClients())
    with pytest.raises(FetchError) as exc_info:
        fetch.read("https://a.example/", clock.now() + 10, FetchPolicy())
    assert (exc_info.value.code, exc_info.value.retryable) == ("fetch_failed", True)
    assert clock.sleeps[0] == 0.3
    assert max(clock.sleeps) == 1.5
    assert clock.sleeps == sorted(clock.sleeps)
    assert 8 < sum(clock.sleeps) <= 10


def test_missing_bucket_raises_retryable_error(aws, mirror, web):
    settings = build_mirror(aws, RETOUCH_BUCKET="no-such-bucket").settings
    clock = FakeClock()
    with pytest.raises(FetchError) as exc_info:
        QueuedFetcher(settings, clock, AwsClients()).read(
            "https://a.example/", clock.now() + 10, FetchPolicy()
        )
    assert exc_info.value.retryable


@pytest.mark.parametrize(
    "response",
    [
        b"[]",
        b"{}",
        b'{"key": "cut short',
        b'{"key": "results/x.png", "error": null, "reason": "", "transient": false}',
        b'{"key": "mirror/other.png", "error": null, "reason": "", "transient": false}',
    ],
)
def test_malformed_response_object_raises_fetch_failed(aws, mirror, response, monkeypatch):
    name = "00000000-0000-4000-8000-000000000000"
    monkeypatch.setattr("retouch.infrastructure.fetch.queued_fetcher.uuid.uuid4", lambda: name)
    aws.s3.put_object(Bucket=BUCKET, Key=f"mirror/answers/{name}.json", Body=response)
    aws.s3.put_object(Bucket=BUCKET, Key="mirror/other.png", Body=PNG)
    with pytest.raises(FetchError) as exc_info:
        fetch_through_queue(mirror, "https://a.example/")
    assert exc_info.value.code == "fetch_failed"
