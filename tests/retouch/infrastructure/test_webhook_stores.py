"""Tests of the stores of webhooks: DynamoDB and SQS over real sockets, and a folder. Both behave alike."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.webhook_queue import DeliverySqsQueue
from retouch.infrastructure.aws.webhook_table import WebhookDynamoTable
from retouch.infrastructure.webhook_folder import WebhookFolderTable
from retouch.webhooks.messages import decode_message
from retouch.webhooks.services import Row, RowConflict
from tests.support.lost_answers import LosingProxy
from tests.support.orders import CREDENTIALS, moto_server
from tests.support.upstream import unused_port

TABLE = "webhooks"


@pytest.fixture(scope="module")
def moto_port():
    with moto_server() as port:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}").create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield port


@pytest.fixture
def proxy(moto_port, monkeypatch):
    """Lead every AWS client to moto through a proxy that can lose responses."""
    proxy = LosingProxy(moto_port)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url}.items():
        monkeypatch.setenv(name, value)
    yield proxy
    proxy.close()


@pytest.fixture(params=["folder", "boto3", "small client"])
def table(request, tmp_path):
    if request.param == "folder":
        return WebhookFolderTable(str(tmp_path))
    url = request.getfixturevalue("proxy").url
    environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": url}
    is_small = request.param == "small client"
    return WebhookDynamoTable(
        TABLE, AwsClients(AwsEnvironment.from_env(environment) if is_small else None)
    )


@pytest.fixture
def scope(request):
    """Return a scope of this test only."""
    return request.node.name


def test_written_row_is_read_as_it_is(table, scope):
    assert table.read(scope, "we_1") is None
    written = table.write(Row(scope, "we_1", '{"a": "ä"}', 4_000_000_000), None)
    assert table.read(scope, "we_1") == written
    assert table.read("other", "we_1") is None


def test_write_over_another_row_is_refused_with_the_stored_one(table, scope):
    first = table.write(Row(scope, "we_1", "1"), None)
    second = table.write(Row(scope, "we_1", "2"), first)
    for replaces in (None, first):
        with pytest.raises(RowConflict) as raised:
            table.write(Row(scope, "we_1", "3"), replaces)
        assert raised.value.stored == second
    table.delete(scope, "we_1")
    with pytest.raises(RowConflict) as raised:
        table.write(Row(scope, "we_1", "3"), second)
    assert raised.value.stored is None


def test_one_of_ten_writes_at_once_wins(table, scope):
    first, barrier = table.write(Row(scope, "we_1", "0"), None), threading.Barrier(10)

    def write(number):
        barrier.wait()
        try:
            return table.write(Row(scope, "we_1", str(number)), first).text
        except RowConflict:
            return None

    with ThreadPoolExecutor(10) as pool:
        written = [text for text in pool.map(write, range(1, 11)) if text]
    assert written == [table.read(scope, "we_1").text]


def test_rows_are_listed_by_prefix_from_the_last_one_on(table, scope):
    for identifier in ("we_1", "we_2", "we_3", "whd_9"):
        table.write(Row(scope, identifier, "x"), None)
    assert [row.id for row in table.list(scope, "we_", "", 10)] == ["we_3", "we_2", "we_1"]
    assert [row.id for row in table.list(scope, "we_", "", 2)] == ["we_3", "we_2"]
    assert [row.id for row in table.list(scope, "we_", "we_2", 2)] == ["we_1"]
    assert table.list("other", "we_", "", 10) == []


def test_deleting_twice_is_harmless(table, scope):
    table.write(Row(scope, "we_1", "x"), None)
    table.delete(scope, "we_1")
    table.delete(scope, "we_1")
    assert table.read(scope, "we_1") is None


def test_write_whose_response_is_lost_succeeds(proxy, scope):
    table = WebhookDynamoTable(TABLE, AwsClients())
    proxy.lose(b"PutItem")
    written = table.write(Row(scope, "we_1", "x"), None)
    assert proxy.lost == 1
    assert table.read(scope, "we_1") == written


def test_message_names_the_delivery_and_comes_again_after_its_delay(proxy, moto_port):
    client = boto3.Session("testing", "testing", region_name="us-east-1").client(
        "sqs", endpoint_url=f"http://127.0.0.1:{moto_port}"
    )
    url = client.create_queue(QueueName="deliveries")["QueueUrl"]
    queue = DeliverySqsQueue(url, AwsClients())
    queue.send("key-a", "whd_1")

    def receive():
        return client.receive_message(QueueUrl=url, VisibilityTimeout=30).get("Messages", [])

    (message,) = receive()
    assert decode_message(message["Body"]) == ("key-a", "whd_1")
    queue.delay(message["ReceiptHandle"], 1)
    assert not receive()
    time.sleep(1.1)
    (message,) = receive()
    queue.delay(message["ReceiptHandle"], 100_000)  # longer than SQS permits
    assert not receive()


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"scope": 1, "delivery": "a"}', "null"])
def test_text_that_is_no_message_names_no_delivery(body):
    assert decode_message(body) is None


def test_stores_that_cannot_be_reached_are_unavailable(monkeypatch, tmp_path, caplog):
    url = f"http://127.0.0.1:{unused_port()}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    queue = DeliverySqsQueue(f"{url}/1/deliveries", AwsClients())
    for table in (
        WebhookDynamoTable(TABLE, AwsClients()),
        WebhookFolderTable(str(tmp_path / "missing")),
    ):
        with pytest.raises(WebhooksUnavailable):
            table.read("key-a", "we_1")
    with pytest.raises(WebhooksUnavailable):
        queue.send("key-a", "whd_1")
    queue.delay("receipt", 5)
    assert "visibility timeout was not changed" in caplog.text
