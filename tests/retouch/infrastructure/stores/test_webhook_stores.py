"""Tests of the queue of webhooks: SQS over real sockets."""

import time

import boto3
import pytest

from devserver.ports import unused_port
from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.webhook_queue import DeliverySqsQueue
from retouch.webhooks.messages import decode_message
from tests.support.orders import CREDENTIALS


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


def test_queue_that_cannot_be_reached_is_unavailable(monkeypatch, caplog):
    url = f"http://127.0.0.1:{unused_port()}"
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    queue = DeliverySqsQueue(f"{url}/1/deliveries", AwsClients())
    with pytest.raises(WebhooksUnavailable):
        queue.send("key-a", "whd_1")
    queue.delay("receipt", 5)
    assert "visibility timeout was not changed" in caplog.text
