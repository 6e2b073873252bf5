"""One session for the process, one client of a sort, and terms that reach the wire."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from retouch.edges.aws.session import Aws, Terms
from tests.support.upstream import Answer, Upstream, as_json

BUSY = Answer(503, b"<Error><Code>SlowDown</Code></Error>")


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def in_threads(work, count=8):
    """What `work` returns to each of so many threads that begin together."""
    start = threading.Barrier(count)

    def one(_):
        start.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_threads_share_a_client():
    aws = Aws()
    assert len(set(map(id, in_threads(lambda: aws.client("s3"))))) == 1


def test_a_client_differs_by_service_terms_region_and_endpoint():
    aws = Aws()
    made = [
        aws.client("s3"),
        aws.client("sqs"),
        aws.client("s3", Terms(read=1)),
        aws.client("s3", region="eu-west-1"),
        aws.client("s3", endpoint="http://127.0.0.1:9"),
    ]
    assert len(set(map(id, made))) == len(made)
    assert aws.client("s3", Terms()) is made[0]
    assert made[3].meta.region_name == "eu-west-1"
    assert made[4].meta.endpoint_url == "http://127.0.0.1:9"


def test_one_session_makes_them_one_after_another(monkeypatch):
    """A session must not make two at once: its loader and its components are not locked."""
    sessions, busy, together = [], threading.Lock(), []

    class Watched(boto3.session.Session):
        def __init__(self):
            super().__init__()
            sessions.append(self)

        def client(self, *of, **options):
            if not busy.acquire(blocking=False):
                together.append(of)
                return super().client(*of, **options)
            try:
                return super().client(*of, **options)
            finally:
                busy.release()

    monkeypatch.setattr(boto3, "Session", Watched)
    aws = Aws()
    kinds = iter([("s3", Terms(read=read)) for read in range(1, 9)])
    in_threads(lambda: aws.client(*next(kinds)))
    assert (len(sessions), together) == (1, [])


def test_whoever_has_a_client_does_not_wait_for_the_making_of_another(monkeypatch):
    aws = Aws()
    aws.client("s3")
    begun, finish, over = threading.Event(), threading.Event(), threading.Event()

    def slow(*_, **__):
        begun.set()
        finish.wait(20)
        over.set()

    monkeypatch.setattr(aws._session, "client", slow)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(aws.client, "sqs")
            assert begun.wait(60)
            aws.client("s3")
            assert not over.is_set()
        finally:
            finish.set()


def test_buckets_stand_in_the_path_and_links_are_signed_the_new_way():
    """Where a bucket is new, its own host name leads elsewhere at first; most regions take version 4 only."""
    link = (
        Aws()
        .client("s3", region="eu-west-1")
        .generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    )
    assert link.startswith("https://s3.eu-west-1.amazonaws.com/bucket/k?X-Amz-Algorithm=AWS4")


def test_credentials_that_come_late_are_found(monkeypatch, tmp_path):
    """A client keeps for ever what credentials there were, or were not, when it was made."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3, "Session", boto3.session.Session)  # not one that others have used
    aws = Aws()
    with Upstream(as_json({"QueueUrls": []})) as sqs:
        with pytest.raises(NoCredentialsError):
            aws.client("sqs", endpoint=sqs.url).list_queues()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        assert aws.client("sqs", endpoint=sqs.url).list_queues()["QueueUrls"] == []


@pytest.mark.parametrize("attempts", [1, 2])
def test_so_many_attempts_in_all(attempts):
    with Upstream(BUSY) as s3:
        s3.download = lambda handler: (s3.record(handler), s3.answer(handler, BUSY))
        client = Aws().client("s3", Terms(attempts=attempts), endpoint=s3.url)
        with pytest.raises(ClientError):
            client.get_object(Bucket="b", Key="k")
        assert len(s3.received) == attempts
    assert s3.received[0].path == "/b/k"


def test_an_answer_is_waited_for_no_longer_than_agreed():
    with Upstream(Answer(delay=60)) as sqs:
        client = Aws().client("sqs", Terms(read=0.2, attempts=1), endpoint=sqs.url)
        started = time.monotonic()
        with pytest.raises(ReadTimeoutError):
            client.list_queues()
        assert time.monotonic() - started < 30
