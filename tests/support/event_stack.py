"""The wiring of the template on a moto server, real worker processes, and a poller in place of Lambda's.

S3, EventBridge, SQS, DynamoDB and Step Functions are moto's, over real sockets. The poller delivers each message as
Lambda does, and when a test says so, several times and shuffled.
"""

import json
import os
import random
import signal
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import psutil
import requests
from botocore.exceptions import ClientError
from moto.awslambda.models import LambdaBackend

from devserver.error_responses import RequestFailed
from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from tests.support.event_source import RETRY_SECONDS
from tests.support.images import photo
from tests.support.job_provider import JobProvider
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server

REGION, ACCOUNT = "us-east-1", "123456789012"
BUS = "shop"
PHOTO = photo(64, 64)
FUNCTION_SECONDS = 8.0
ROOT = Path(__file__).parents[2]
_CRASH = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"}).encode()
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/states"


def queue_arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


class EventStack:
    """One stack. `copies` is how often the poller delivers each message."""

    def __init__(self, port, provider, server, steps):
        self.provider, self.server, self.steps = provider, server, steps
        self.endpoint = url = f"http://127.0.0.1:{port}"
        session = boto3.Session("testing", "testing", region_name=REGION)
        self.s3 = session.client("s3", endpoint_url=url)
        self.sqs = session.client("sqs", endpoint_url=url)
        self.events = session.client("events", endpoint_url=url)
        self.sfn: Any = session.client("stepfunctions", endpoint_url=url)
        self.copies, self.shuffle = 1, random.Random(0).shuffle
        self.urls: dict[str, str] = {}
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def create(self):
        """Create what the template creates."""
        for name in ("edits", "dead", "news", "replies"):
            attributes: Any = {"VisibilityTimeout": "10" if name == "edits" else "60"}
            self.urls[name] = self.sqs.create_queue(QueueName=name, Attributes=attributes)[
                "QueueUrl"
            ]
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        self.events.create_event_bus(Name=BUS)
        created: Any = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"object": {"key": [{"prefix": "inbox/"}]}},
        }
        self._add_rule("inbox", "default", created, "edits")
        requested = {"detail-type": ["retouch.edit.requested"]}
        self._add_rule("requested", BUS, requested, "edits")
        self._add_rule("news", BUS, {"source": ["retouch"]}, "news")

    def _add_rule(self, name, bus, pattern, queue):
        self.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        target: Any = {"Id": "1", "Arn": queue_arn(queue)}
        self.events.put_targets(Rule=name, EventBusName=bus, Targets=[target])

    def start(self):
        """Start the poller."""
        thread = threading.Thread(target=self._poll, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)

    def write_recipe(self, name="white", **values):
        edit = {"model": "gpt-image-2", "prompt": name}
        body = json.dumps({"edit": edit, **values}).encode()
        self.s3.put_object(Bucket=BUCKET, Key=f"recipes/{name}.json", Body=body)

    def upload(self, key, data=PHOTO, **fields):
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data, **fields)

    def post(self, body, **fields):
        text = json.dumps(body)
        return self.sqs.send_message(QueueUrl=self.urls["edits"], MessageBody=text, **fields)

    def keys(self, prefix=""):
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {one["Key"] for one in listed}

    def read_json(self, key):
        return json.loads(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def wait_for(self, condition, seconds=60.0):
        """Return what the condition returns once it is true."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, (self.keys(), self.waiting())
            time.sleep(0.1)
        return value

    def wait_for_key(self, key):
        self.wait_for(lambda: key in self.keys())

    def waiting(self):
        """Return the number of messages in the queue, also of those that are worked on."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.urls["edits"], AttributeNames=names)
        return sum(map(int, found["Attributes"].values()))

    def take(self, queue):
        """Return the bodies of all messages of a queue, and delete them."""
        bodies = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(
                    QueueUrl=self.urls[queue], ReceiptHandle=message["ReceiptHandle"]
                )
        return bodies

    def news(self):
        """Return the CloudEvents of the bus that nobody has taken yet."""
        return [body["detail"] for body in self.take("news")]

    def paid_calls(self, text=""):
        return sum(text.encode() in call.body for call in self.provider.calls)

    def kill_workers(self):
        """Kill all worker processes. The server starts others."""
        for pid in self.server.pids:
            if Path(psutil.Process(pid).cwd()).name == "worker":
                os.kill(pid, signal.SIGKILL)

    def run_machine(self, definition, payload, name="shop"):
        """Start a state machine, and return its execution."""
        machine = self.sfn.create_state_machine(
            name=f"{name}-{time.monotonic_ns()}", definition=json.dumps(definition), roleArn=_ROLE
        )
        return self.sfn.start_execution(
            stateMachineArn=machine["stateMachineArn"], name="one", input=json.dumps(payload)
        )["executionArn"]

    def wait_for_machine(self, execution):
        def ended():
            described = self.sfn.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        return self.wait_for(ended, 120)

    def _poll(self):
        while not self._is_over.is_set():
            received = self.sqs.receive_message(
                QueueUrl=self.urls["edits"],
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            deliveries = received * self.copies
            self.shuffle(deliveries)
            finished = [threading.Thread(target=self._deliver, args=(one,)) for one in deliveries]
            for thread in finished:
                thread.start()
            self._threads += finished
            self._is_over.wait(0.2)

    def _deliver(self, message):
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {"stringValue": one["StringValue"], "dataType": one["DataType"]}
                for name, one in message.get("MessageAttributes", {}).items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn("edits"),
        }
        receipt = {"QueueUrl": self.urls["edits"], "ReceiptHandle": message["ReceiptHandle"]}
        if self._is_finished(record):
            self.sqs.delete_message(**receipt)
        else:
            self._retry_soon(receipt)

    def _is_finished(self, record):
        try:
            response = self.server.invoke("worker", {"Records": [record]})
        except RequestFailed:
            return False
        return not response["batchItemFailures"]

    def _retry_soon(self, receipt):
        with suppress(ClientError):  # another copy of the message has ended it
            self.sqs.change_message_visibility(**receipt, VisibilityTimeout=RETRY_SECONDS)


@contextmanager
def run_event_stack(tmp_path_factory):
    """Run a stack while the context is open."""
    with moto_server() as port, JobProvider(PHOTO) as provider:
        endpoint = f"http://127.0.0.1:{port}"
        requests.post(
            f"{endpoint}/moto-api/config",
            json={"stepfunctions": {"execute_state_machine": True}},
            timeout=30,
        ).raise_for_status()
        queues = f"{endpoint}/{ACCOUNT}"
        env = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": endpoint,
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_ORDERS_TABLE": TABLE,
            "RETOUCH_EDITS_QUEUE": f"{queues}/edits",
            "RETOUCH_EVENTS_DEAD_LETTERS": f"{queues}/dead",
            "RETOUCH_EVENTS_BUS": BUS,
            "RETOUCH_REPLY_QUEUES": queue_arn("replies"),
            "RETOUCH_LEASE_MARGIN_SECONDS": "1",
            "RETOUCH_LEAST_CALL_SECONDS": "0.1",
            "RETOUCH_USAGE_TABLE": "",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "BFL_API_KEY": "k",
            "BFL_BASE_URL": provider.url,
        }
        timeouts = Timeouts(function=FUNCTION_SECONDS)
        steps = tmp_path_factory.mktemp("steps")
        env |= {"CRASH_STEPS": str(steps), "CRASH_CLOCKS": "0", "PYTHONPATH": str(ROOT)}
        with DevServer(
            env=env,
            workers=Workers(1, 4),
            timeouts=timeouts,
            task_root=ROOT / "tests" / "e2e" / "order_steps",
        ) as server:
            stack = EventStack(port, provider, server, steps)
            stack.create()
            stack.start()
            try:
                with _lambda_of(server), patch.dict(os.environ, {"MOTO_PORT": str(port)}):
                    yield stack
            finally:
                stack.stop()


@contextmanager
def _lambda_of(server):
    """Let moto's Step Functions invoke the edits function of the server."""

    def invoke(_self, function_name, qualifier, body, headers, response_headers):
        try:
            return json.dumps(server.invoke("edits", json.loads(body))).encode()
        except RequestFailed as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return error.report or _CRASH

    with patch.object(LambdaBackend, "invoke", invoke):
        yield
