"""Tests of the results bucket when it cannot be used: every failure is NotStored, so that no paid image is lost."""

import logging

import pytest

from devserver.ports import unused_port
from retouch.core.errors import NotStored
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.results_bucket import ResultsBucket
from tests.support.upstream import ScriptedResponse, Upstream


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def s3_bucket(monkeypatch, endpoint, **settings):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    return ResultsBucket(Settings(bucket="b", **settings), AwsClients())


def test_no_bucket_raises_not_stored():
    with pytest.raises(NotStored, match="RETOUCH_BUCKET"):
        ResultsBucket(Settings(), AwsClients()).put(b"data", "png")


@pytest.mark.parametrize("status", [403, 404])
def test_rejected_put_raises_not_stored(monkeypatch, status):
    with Upstream(ScriptedResponse(status)) as server, pytest.raises(NotStored):
        s3_bucket(monkeypatch, server.url).put(b"data", "png")


def test_unreachable_endpoint_raises_not_stored(monkeypatch):
    endpoint = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(NotStored):
        s3_bucket(monkeypatch, endpoint).put(b"data", "png")


def test_invalid_endpoint_raises_not_stored(monkeypatch, caplog):
    with caplog.at_level(logging.ERROR, "retouch"), pytest.raises(NotStored):
        s3_bucket(monkeypatch, "no url").put(b"data", "png")
    assert "the result was not stored" in caplog.text


def test_link_without_credentials_raises_not_stored(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(NotStored, match="could not be signed"):
        s3_bucket(monkeypatch, "http://127.0.0.1:1").sign("results/a.png", 60)


def test_result_larger_than_an_upload_may_be_is_read_whole(monkeypatch):
    with Upstream() as server:
        server.files["/b/results/a.png"] = server.files["/b/uploads/a"] = bytes(101)
        bucket = s3_bucket(monkeypatch, server.url, max_upload_bytes=100)
        assert bucket.read_result("results/a.png") == bytes(101)
        assert bucket.read_object("b/results/a.png") is None
        assert bucket.read_upload("a") is None


def test_result_that_is_gone_or_has_no_key_is_none(monkeypatch):
    absent = ScriptedResponse(404, b"<Error><Code>NoSuchKey</Code></Error>")
    with Upstream() as server:
        monkeypatch.setattr(
            server, "download", lambda handler: server.write_response(handler, absent)
        )
        bucket = s3_bucket(monkeypatch, server.url)
        assert bucket.read_result("results/a.png") is None
        assert bucket.read_result("") is None
