"""Tests of AwsClients: one session per process, cached clients, and client settings that take effect."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from retouch.infrastructure.aws.clients import AwsClients, ClientConfig
from tests.support.upstream import ScriptedResponse, Upstream, json_response

BUSY = ScriptedResponse(503, b"<Error><Code>SlowDown</Code></Error>")

pytestmark = pytest.mark.usefixtures("credentials")


def run_in_threads(work, count=8):
    """Return the results of `work`, called by `count` threads that start at the same moment."""
    start = threading.Barrier(count)

    def run_after_barrier(_):
        start.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run_after_barrier, range(count)))


def test_concurrent_threads_share_one_client():
    aws = AwsClients()
    assert len(set(map(id, run_in_threads(lambda: aws.client("s3"))))) == 1


@pytest.mark.parametrize(
    ("service", "name"),
    [("dynamodb", "ConditionalCheckFailedException"), ("s3", "NoSuchKey")],
)
def test_threads_with_the_first_error_of_a_client_get_one_class_for_it(service, name):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            client = AwsClients().client(service)
            assert len(set(run_in_threads(lambda: getattr(client.exceptions, name), 16))) == 1  # noqa: B023
    finally:
        sys.setswitchinterval(interval)


def test_client_is_cached_per_service_config_region_and_endpoint():
    aws = AwsClients()
    clients = [
        aws.client("s3"),
        aws.client("sqs"),
        aws.client("s3", ClientConfig(read_timeout=1)),
        aws.client("s3", region="eu-west-1"),
        aws.client("s3", endpoint="http://127.0.0.1:9"),
    ]
    assert len(set(map(id, clients))) == len(clients)
    assert aws.client("s3", ClientConfig()) is clients[0]
    assert clients[3].meta.region_name == "eu-west-1"
    assert clients[4].meta.endpoint_url == "http://127.0.0.1:9"


def test_concurrent_client_creation_uses_one_session_serially(monkeypatch):
    """A boto3 session must not create two clients at once, because its loader and components are not locked."""
    sessions, busy, overlapping = [], threading.Lock(), []

    class RecordingSession(boto3.session.Session):
        def __init__(self):
            super().__init__()
            sessions.append(self)

        def client(self, *args, **options):
            if not busy.acquire(blocking=False):
                overlapping.append(args)
                return super().client(*args, **options)
            try:
                return super().client(*args, **options)
            finally:
                busy.release()

    monkeypatch.setattr(boto3, "Session", RecordingSession)
    aws = AwsClients()
    kinds = iter([("s3", ClientConfig(read_timeout=read)) for read in range(1, 9)])
    run_in_threads(lambda: aws.client(*next(kinds)))
    assert (len(sessions), overlapping) == (1, [])


def test_cached_client_is_returned_while_another_is_created(monkeypatch):
    aws = AwsClients()
    aws.client("s3")
    started, finish, finished = threading.Event(), threading.Event(), threading.Event()

    def create_slowly(*_, **__):
        started.set()
        finish.wait(20)
        finished.set()

    monkeypatch.setattr(aws._session, "client", create_slowly)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(aws.client, "sqs")
            assert started.wait(60)
            aws.client("s3")
            assert not finished.is_set()
        finally:
            finish.set()


def test_presigned_url_uses_path_style_and_signature_v4():
    """The host name of a new bucket redirects at first, and most regions accept only signature version 4."""
    link = (
        AwsClients()
        .client("s3", region="eu-west-1")
        .generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    )
    assert link.startswith("https://s3.eu-west-1.amazonaws.com/bucket/k?X-Amz-Algorithm=AWS4")


def test_credentials_set_after_failure_are_used(monkeypatch, tmp_path):
    """A client keeps the credentials that exist at its creation. A client without credentials never gets any."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # A new session, which no other test has used.
    monkeypatch.setattr(boto3, "Session", boto3.session.Session)
    aws = AwsClients()
    with Upstream(json_response({"QueueUrls": []})) as sqs:
        with pytest.raises(NoCredentialsError):
            aws.client("sqs", endpoint=sqs.url).list_queues()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        assert aws.client("sqs", endpoint=sqs.url).list_queues()["QueueUrls"] == []


@pytest.mark.parametrize("attempts", [1, 2])
def test_failing_request_is_attempted_configured_number_of_times(attempts, monkeypatch):
    def refuse(handler):
        s3.record_request(handler)
        s3.write_response(handler, BUSY)

    with Upstream(BUSY) as s3:
        monkeypatch.setattr(s3, "download", refuse)
        client = AwsClients().client("s3", ClientConfig(max_attempts=attempts), endpoint=s3.url)
        with pytest.raises(ClientError):
            client.get_object(Bucket="b", Key="k")
        assert len(s3.received) == attempts
    assert s3.received[0].path == "/b/k"


def test_slow_response_times_out_after_read_timeout():
    with Upstream(ScriptedResponse(delay=60)) as sqs:
        client = AwsClients().client(
            "sqs", ClientConfig(read_timeout=0.2, max_attempts=1), endpoint=sqs.url
        )
        started = time.monotonic()
        with pytest.raises(ReadTimeoutError):
            client.list_queues()
        assert time.monotonic() - started < 30
