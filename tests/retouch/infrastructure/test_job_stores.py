"""Tests of the queue of edits and of their requests: SQS and S3 over real sockets, and a folder. Both behave alike."""

import json
import time

import boto3
import pytest

from devserver.ports import unused_port
from retouch.core.errors import OrdersUnavailable
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.edits_queue import EditsSqsQueue, RequestBucket
from retouch.infrastructure.local.job_folder import EditsFolderQueue, RequestFolder
from retouch.infrastructure.stores.order_stores import job_stores, order_stores
from tests.support.orders import BUCKET, CREDENTIALS


@pytest.fixture
def sqs(moto_port, monkeypatch):
    """Return a client of moto, to which every AWS client leads."""
    url = f"http://127.0.0.1:{moto_port}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    return boto3.Session().client("sqs", endpoint_url=url, region_name="us-east-1")


class SqsReceiver:
    """Receives messages as Lambda does."""

    def __init__(self, client, url):
        self._client, self._url = client, url

    def receive(self):
        response = self._client.receive_message(QueueUrl=self._url, VisibilityTimeout=30)
        messages = response.get("Messages", [])
        return (messages[0]["ReceiptHandle"], messages[0]["Body"]) if messages else None


class FolderReceiver:
    """Receives messages of a folder."""

    def __init__(self, queue):
        self._queue = queue

    def receive(self):
        message = self._queue.receive(30)
        return (message.id, message.body) if message else None


@pytest.fixture(params=["folder", "aws"])
def queue_and_receiver(request, tmp_path):
    if request.param == "folder":
        return EditsFolderQueue(str(tmp_path)), FolderReceiver(EditsFolderQueue(str(tmp_path)))
    client = request.getfixturevalue("sqs")
    url = client.create_queue(QueueName=request.node.name[:40].strip("[]").replace("[", "-"))[
        "QueueUrl"
    ]
    return EditsSqsQueue(url, AwsClients()), SqsReceiver(client, url)


@pytest.fixture(params=["folder", "aws"])
def requests(request, tmp_path):
    if request.param == "folder":
        return RequestFolder(str(tmp_path))
    request.getfixturevalue("sqs")
    return RequestBucket(BUCKET, AwsClients())


def test_message_names_the_job_and_is_hidden_while_it_is_worked_on(queue_and_receiver):
    queue, receiver = queue_and_receiver
    assert receiver.receive() is None
    queue.send({"order": "edit_1"})
    _, body = receiver.receive()
    assert json.loads(body) == {"order": "edit_1"}
    assert receiver.receive() is None


def test_delayed_message_comes_again_after_its_pause(queue_and_receiver):
    queue, receiver = queue_and_receiver
    queue.send({"order": "edit_1"})
    receipt, body = receiver.receive()
    queue.delay(receipt, 1)
    assert receiver.receive() is None
    time.sleep(1.1)
    assert receiver.receive()[1] == body


def test_deleted_message_of_a_folder_does_not_come_again(tmp_path):
    queue = EditsFolderQueue(str(tmp_path))
    queue.send({"order": "edit_1"})
    first, second = queue.receive(0), queue.receive(0)
    assert first is not None
    assert second is not None
    assert (first.receives, second.receives) == (1, 2)
    queue.delete(first.id)
    assert queue.receive(0) is None


def test_stored_request_is_read_as_it_was_written(requests):
    assert requests.get("ord_1") is None
    data = b'{"path": "/"}\n\x00\xff\n'
    requests.put("ord_2", data)
    assert requests.get("ord_2") == data
    for _ in range(2):
        requests.delete("ord_2")
    assert requests.get("ord_2") is None


def test_queue_and_requests_that_cannot_be_reached_are_unavailable(monkeypatch, tmp_path):
    url = f"http://127.0.0.1:{unused_port()}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    missing = str(tmp_path / "missing")
    queue, requests = EditsSqsQueue(f"{url}/1/jobs", AwsClients()), RequestBucket("b", AwsClients())
    for action in (
        lambda: queue.send({"order": "edit_1"}),
        lambda: requests.put("ord_1", b""),
        lambda: requests.get("ord_1"),
        lambda: EditsFolderQueue(missing).send({"order": "edit_1"}),
        lambda: RequestFolder(missing).put("ord_1", b""),
    ):
        with pytest.raises(OrdersUnavailable):
            action()


def test_pause_that_cannot_be_set_is_only_logged(monkeypatch, tmp_path, caplog):
    url = f"http://127.0.0.1:{unused_port()}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    EditsSqsQueue(f"{url}/1/jobs", AwsClients()).delay("receipt", 5)
    EditsFolderQueue(str(tmp_path / "missing")).delay("receipt", 5)
    assert caplog.text.count("visibility timeout was not changed") == 2


@pytest.mark.parametrize(
    ("env", "has_jobs"),
    [
        ({}, False),
        ({"RETOUCH_ORDERS_TABLE": "t", "RETOUCH_BUCKET": "b"}, False),
        ({"RETOUCH_ORDERS_TABLE": "t", "RETOUCH_EDITS_QUEUE": "https://q"}, True),
        ({"RETOUCH_EDITS_QUEUE": "https://q"}, False),
        ({"RETOUCH_ORDERS_FOLDER": "/tmp"}, True),
    ],
    ids=str,
)
def test_jobs_need_orders_and_a_queue(env, has_jobs):
    settings, aws = Settings.from_env(env), AwsClients()
    assert bool(job_stores(settings, order_stores(settings, aws), aws)) is has_jobs
