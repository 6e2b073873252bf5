"""Tests of functions/webhooks and functions/sweeper as they run on AWS: DynamoDB, SQS and a secret on real sockets."""

import importlib.util
import json
import secrets
from dataclasses import replace

import boto3
import pytest
from standardwebhooks.webhooks import Webhook

from retouch.core.clock import SystemClock
from retouch.core.credentials.sealed_text import seal_text
from retouch.core.credentials.webhook_signature import signing_secret
from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.aws.row_table import RowDynamoTable
from retouch.orders import transitions
from retouch.orders.transitions import JobDetails
from retouch.webhooks.delivery import new_delivery
from retouch.webhooks.endpoint import Endpoint
from retouch.webhooks.event import EVENT_TYPES, make_event
from retouch.webhooks.records import read_delivery, write_record
from tests.infra.conftest import ROOT
from tests.support.dynamodb import table_definition
from tests.support.events import lambda_context
from tests.support.jobs import message_event
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, answer, claim, moto_server
from tests.support.upstream import ScriptedResponse, Upstream

WEBHOOKS, PEPPER, SCOPE = "webhooks", "pepper", "tenant"
SECRET = signing_secret(bytes(range(32)))
SCHEDULE = {"detail-type": "Scheduled Event"}


def load_handler(function):
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"{function}_app", path)
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app.handler


class Stack:
    """The tables, the queue and the secret of a stack, and its functions."""

    def __init__(self, url, receiver):
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        self.sqs = session.client("sqs", endpoint_url=url)
        self.receiver = receiver
        session.client("dynamodb", endpoint_url=url).create_table(
            **table_definition(WEBHOOKS, "pk", "sk")
        )
        session.client("secretsmanager", endpoint_url=url).create_secret(
            Name="secret", SecretString=json.dumps({"RETOUCH_PEPPER": PEPPER})
        )
        self.queue = self.sqs.create_queue(QueueName="deliveries")["QueueUrl"]
        self.environment = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": url,
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_ORDERS_TABLE": TABLE,
            "RETOUCH_PEPPER_SECRET_ID": "secret",
            "RETOUCH_WEBHOOKS_TABLE": WEBHOOKS,
            "RETOUCH_WEBHOOKS_QUEUE": self.queue,
            "RETOUCH_WEBHOOKS_DEAD_LETTERS": "dead",
            "RETOUCH_WEBHOOK_ALLOW": receiver.url.removeprefix("http://"),
        }

    def open(self):
        """Make the clients and load the functions. The environment is set."""
        aws = AwsClients()
        self.table, self.orders = (
            RowDynamoTable(WEBHOOKS, aws, lambda: WebhooksUnavailable("The table is down.")),
            OrderDynamoTable(TABLE, aws),
        )
        self.send, self.sweep = load_handler("webhooks"), load_handler("sweeper")

    def register(self):
        identifier = f"we_{secrets.token_hex(8)}"
        sealed = seal_text(SECRET, identifier, PEPPER)
        values = (identifier, SCOPE, f"{self.receiver.url}/", "r", EVENT_TYPES, sealed, "", 0, 0)
        return write_record(self.table, Endpoint(*values), None)

    def store_delivery(self, endpoint):
        now = SystemClock().unix_time()
        event = make_event(secrets.token_hex(8), "image.edit.completed", now, {"id": "edit_1"})
        return write_record(self.table, new_delivery(event, SCOPE, endpoint.id, now), None)

    def delivery(self, identifier):
        return read_delivery(self.table, SCOPE, identifier)

    def receive(self, seconds):
        """Return the messages that are visible, and hide them for this time."""
        response = self.sqs.receive_message(
            QueueUrl=self.queue, VisibilityTimeout=seconds, MaxNumberOfMessages=10
        )
        return response.get("Messages", [])


@pytest.fixture(scope="module")
def stack():
    with moto_server() as port, Upstream() as receiver, pytest.MonkeyPatch.context() as patch:
        stack = Stack(f"http://127.0.0.1:{port}", receiver)
        for name, value in stack.environment.items():
            patch.setenv(name, value)
        stack.open()
        yield stack


def test_sender_delivers_a_message_that_its_receiver_can_verify(stack):
    stack.receiver.responses[:] = [ScriptedResponse(204)]
    delivery = stack.store_delivery(stack.register())
    body = json.dumps({"scope": SCOPE, "delivery": delivery.id})
    assert stack.send(message_event(body), lambda_context(45)) == {"batchItemFailures": []}
    request = stack.receiver.received[-1]
    assert Webhook(SECRET).verify(request.body, request.headers)["data"] == {"id": "edit_1"}
    assert stack.delivery(delivery.id).state == "delivered"


def test_failed_message_is_hidden_until_its_next_attempt(stack):
    stack.receiver.responses[:] = [ScriptedResponse(503, headers={"retry-after": "3600"})]
    delivery = stack.store_delivery(stack.register())
    body = json.dumps({"scope": SCOPE, "delivery": delivery.id})
    stack.sqs.send_message(QueueUrl=stack.queue, MessageBody=body)
    (message,) = stack.receive(0)
    event = message_event(message["Body"])
    event["Records"][0]["receiptHandle"] = message["ReceiptHandle"]
    assert stack.send(event, lambda_context(45))["batchItemFailures"]
    assert stack.receive(0) == []
    assert stack.delivery(delivery.id).failures == 1


def test_sweeper_queues_the_event_of_a_job_whose_worker_has_ended(stack):
    endpoint = stack.register()
    now = SystemClock().unix_time()
    details = JobDetails("m", now + 60, {"order": "1"}, endpoint.id)
    queued = transitions.queue_job(None, claim(secrets.token_hex(8)), details, now - 200)
    done = transitions.finish(queued, answer(), now - 100, 86_400)
    assert done.event == "pending"
    stored = stack.orders.write(replace(done, scope=SCOPE), None)
    assert stack.sweep(SCHEDULE, None) == {}
    (message,) = stack.receive(60)
    named = json.loads(message["Body"])
    delivery = stack.delivery(named["delivery"])
    assert (delivery.endpoint, delivery.type) == (endpoint.id, "image.edit.completed")
    assert json.loads(delivery.text)["data"]["metadata"] == {"order": "1"}
    assert stack.orders.read(stored.key).event == ""
    stack.sweep(SCHEDULE, None)
    assert stack.receive(60) == []
