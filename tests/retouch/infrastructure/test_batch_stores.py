"""Tests of the stores of batches: DynamoDB, S3 and SQS over real sockets, and a folder. Both behave alike."""

import json
from dataclasses import replace

import boto3
import pytest

from retouch.core.errors import OrdersUnavailable
from retouch.core.settings import Settings
from retouch.infrastructure.aws.batch_bucket import BatchBucket
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.edits_queue import EditsSqsQueue
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.aws.row_table import RowDynamoTable
from retouch.infrastructure.local.job_folder import EditsFolderQueue
from retouch.infrastructure.local.order_folder import OrderFolderTable
from retouch.infrastructure.local.row_folder import RowFolderTable
from retouch.infrastructure.stores.order_stores import batch_stores, job_stores, order_stores
from retouch.orders import transitions
from tests.support.orders import BUCKET, CREDENTIALS, NOW, answer, claim, moto_server
from tests.support.orders import TABLE as ORDERS_TABLE


def aws_clients(port):
    url = f"http://127.0.0.1:{port}"
    return AwsClients(AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": url}))


@pytest.fixture
def moto_port(monkeypatch):
    with moto_server() as port:
        url = f"http://127.0.0.1:{port}"
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        yield port


@pytest.fixture(params=["folder", "aws"])
def order_table(request, tmp_path):
    if request.param == "folder":
        return OrderFolderTable(str(tmp_path))
    return OrderDynamoTable(ORDERS_TABLE, aws_clients(request.getfixturevalue("moto_port")))


def test_ended_jobs_of_a_batch_are_counted_by_their_end_and_never_twice(order_table):
    def write(key, change, batch="batch_1"):
        order = transitions.claim_order(None, claim(key), NOW)
        first = order_table.write(replace(order, batch=batch), None)
        return order_table.write(change(first), first)

    write("running", lambda order: transitions.mark_sent(order, "t", NOW))
    assert sum(order_table.count_batch("batch_1").values()) == 0
    done = write("done", lambda order: transitions.finish(order, answer(), NOW, 60))
    write("done-2", lambda order: transitions.finish(order, answer(), NOW, 60))
    failed = answer(status=400, billed="no")
    write("failed", lambda order: transitions.finish(order, failed, NOW, 60))
    write("unknown", lambda order: transitions.declare_unknown(order, NOW, 60))
    write("cancelled", lambda order: transitions.cancel(order, NOW, 60))
    write("other", lambda order: transitions.finish(order, answer(), NOW, 60), batch="batch_2")
    order_table.write(done, done)
    counts = order_table.count_batch("batch_1")
    assert dict(counts) == {"completed": 2, "failed": 2, "cancelled": 1}


def test_order_of_a_batch_is_kept_until_a_day_after_its_window():
    order = transitions.claim_order(None, claim(), NOW)
    child = replace(order, batch="batch_1", begin_by=NOW + 86_400)
    assert transitions.finish(child, answer(), NOW, 3600).expires == NOW + 2 * 86_400
    assert transitions.finish(order, answer(), NOW, 3600).expires == NOW + 3600


@pytest.mark.usefixtures("moto_port")
def test_object_of_the_bucket_is_written_once_read_in_parts_and_deleted():
    bucket = BatchBucket(BUCKET, AwsClients())
    assert bucket.size("files/a") is None
    bucket.put("files/a", b"first")
    bucket.put("files/a", b"second")
    assert bucket.size("files/a") == 5
    assert bucket.read("files/a", 1, 3) == b"irs"
    bucket.copy("files/a", "batches/b/input")
    bucket.delete("files/a")
    bucket.delete("files/a")
    assert bucket.size("files/a") is None
    assert bucket.read("batches/b/input", 0, 100) == b"first"
    link = bucket.sign("batches/b/input", "in.jsonl")
    assert "attachment" in link


def test_lines_are_sent_ten_at_a_time_and_all_arrive(moto_port, monkeypatch):
    client = boto3.Session().client(
        "sqs", endpoint_url=f"http://127.0.0.1:{moto_port}", region_name="us-east-1"
    )
    url = client.create_queue(QueueName="lines")["QueueUrl"]
    EditsSqsQueue(url, AwsClients()).send_all([{"order": f"edit_{i}"} for i in range(23)])
    found = set()
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found |= {json.loads(message["Body"])["order"] for message in messages}
    assert found == {f"edit_{i}" for i in range(23)}


def test_queue_that_refuses_one_of_ten_messages_is_unavailable(moto_port):
    client = boto3.Session().client(
        "sqs", endpoint_url=f"http://127.0.0.1:{moto_port}", region_name="us-east-1"
    )
    url = client.create_queue(QueueName="gone")["QueueUrl"]
    client.delete_queue(QueueUrl=url)
    with pytest.raises(OrdersUnavailable):
        EditsSqsQueue(url, AwsClients()).send_all([{"order": "edit_1"}])


def test_delayed_message_of_a_folder_arrives_after_its_delay(tmp_path):
    queue = EditsFolderQueue(str(tmp_path))
    queue.send({"batch": "b"}, delay_seconds=60)
    queue.send({"batch": "c"})
    first = queue.receive(30)
    assert first
    assert json.loads(first.body) == {"batch": "c"}
    assert queue.receive(30) is None


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({}, None),
        ({"RETOUCH_ORDERS_FOLDER": "/tmp/x", "RETOUCH_BUCKET": "b"}, RowFolderTable),
        ({"RETOUCH_ORDERS_FOLDER": "/tmp/x"}, None),
        (
            {"RETOUCH_ORDERS_TABLE": "o", "RETOUCH_BUCKET": "b", "RETOUCH_EDITS_QUEUE": "q"},
            None,
        ),
        (
            {
                "RETOUCH_ORDERS_TABLE": "o",
                "RETOUCH_BUCKET": "b",
                "RETOUCH_EDITS_QUEUE": "q",
                "RETOUCH_BATCHES_TABLE": "t",
                "RETOUCH_BATCHES_QUEUE": "l",
            },
            RowDynamoTable,
        ),
    ],
)  # fmt: skip
def test_settings_choose_the_stores_of_batches(env, kind):
    settings, aws = Settings.from_env(env), AwsClients()
    stores = batch_stores(settings, job_stores(settings, order_stores(settings, aws), aws), aws)
    assert (type(stores.rows) if stores else None) is kind
