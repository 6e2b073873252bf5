"""The mirror for tests: real sockets to pictures, and S3, SQS and EventBridge as moto serves them."""

import hashlib
import json
import logging
import os
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from moto.sqs.models import sqs_backends

from retouch.clock import SystemClock
from retouch.edges.aws.session import Aws as OurAws
from retouch.edges.fetch.fetcher import Fetcher
from retouch.edges.mirror.desk import Desk
from retouch.edges.mirror.door import Porter, build
from retouch.edges.mirror.post import Post
from retouch.edges.mirror.spool import spool
from retouch.edges.mirror.store import MirrorStore, permanent
from retouch.edges.mirror.telemetry import MirrorTelemetry
from retouch.guard.policy import Policy
from retouch.mirror.yard import Yard
from retouch.settings import Settings
from tests.support.upstream import Answer, Upstream

BUCKET = "mirror-test"


class Host(Upstream):
    """A host of pictures. `files` are served, `scripts` get the request's handler; everything else is 404."""

    def __init__(self):
        super().__init__(Answer(404))
        self.scripts = {}

    def download(self, handler):
        script = self.scripts.get(urlsplit(handler.path).path)
        if script is None:
            return super().download(handler)
        self.record(handler)
        try:
            return script(handler)
        except OSError:  # the mirror has hung up
            handler.close_connection = True

    def status(self, path, status):
        """Answer this path with this status from now on."""
        self.scripts[path] = lambda handler: self.answer(handler, Answer(status))


class Aws:
    """Buckets, queues and a bus on a local socket."""

    def __init__(self, url):
        self.url = url
        self.env = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        session = boto3.Session("test", "test", region_name="us-east-1")
        self.s3, self.sqs, self.events = (
            session.client(name, endpoint_url=url) for name in ("s3", "sqs", "events")
        )

    def fresh(self):
        """An empty bucket, empty queues, a bus whose events end up in a queue; settings that name them."""
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.s3.create_bucket(Bucket=BUCKET)
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:dead"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
        self.queue = self.sqs.create_queue(
            QueueName="orders", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "720"}
        )["QueueUrl"]
        self.news = self.sqs.create_queue(QueueName="news")["QueueUrl"]
        self.events.create_event_bus(Name="bus")
        pattern = json.dumps({"source": ["retouch"]})
        self.events.put_rule(Name="news", EventBusName="bus", EventPattern=pattern)
        target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:news"}
        self.events.put_targets(Rule="news", EventBusName="bus", Targets=[target])

    def objects(self, prefix=""):
        """{key: bytes} of the bucket."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            o["Key"]: self.s3.get_object(Bucket=BUCKET, Key=o["Key"])["Body"].read() for o in found
        }

    def head(self, key):
        return self.s3.head_object(Bucket=BUCKET, Key=key)

    def letters(self, queue):
        """What lies in a queue, taken out of it: [(body, {attribute: text})]."""
        found = []
        while got := self.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in got:
                told = message.get("MessageAttributes", {})
                found.append((message["Body"], {k: v["StringValue"] for k, v in told.items()}))
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def batch(self):
        """What waits in the queue of orders, as Lambda hands it over."""
        got = self.sqs.receive_message(
            QueueUrl=self.queue,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {
                        name: {"stringValue": told["StringValue"], "dataType": told["DataType"]}
                        for name, told in message.get("MessageAttributes", {}).items()
                    },
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
                }
                for message in got
            ]
        }

    def order(self, body):
        """Send an order, or any text."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)["MessageId"]

    def hand_out_again(self):
        """As if every visibility timeout and every delay were over."""
        for message in self._kept():
            message.visible_at = message.delayed_until = 0

    def hidden_seconds(self):
        """For how long each message is still hidden."""
        return [
            max(message.visible_at, message.delayed_until) / 1000 - time.time()
            for message in self._kept()
        ]

    def _kept(self):
        return sqs_backends["123456789012"]["us-east-1"].queues["orders"]._messages

    def settle(self, event, answer):
        """Delete what was not reported as failed, as Lambda does."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=record["receiptHandle"])


@contextmanager
def aws():
    """moto's server for as long as the context lasts; every client of this process ends up there."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    found = Aws(f"http://{host}:{port}")
    try:
        with patch.dict(os.environ, found.env):
            boto3.setup_default_session()
            # What takes time is that each session reads the services' models anew.
            anew, shared = boto3.Session, boto3.Session()
            same = lambda *own, **named: anew(*own, **named) if own or named else shared  # noqa: E731
            with patch.object(boto3, "Session", same):
                yield found
    finally:
        boto3.DEFAULT_SESSION = None
        server.stop()


def build_mirror(aws, *upstreams, secrets=None, keys=None, clock=None, **env):
    """The mirror with everything real: .handler, .desk, .settings, .clock."""
    allow = ",".join(upstream.url.partition("//")[2] for upstream in upstreams)
    settings = Settings.from_env(
        {
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_FETCH_ALLOW": allow,
            "RETOUCH_MIRROR_QUEUE": getattr(aws, "queue", ""),
            "RETOUCH_MIRROR_DEAD_LETTERS": getattr(aws, "dead", ""),
            "RETOUCH_EVENTS_BUS": "bus",
            **env,
        }
    )
    clock = clock or SystemClock()
    ours = OurAws()
    store = MirrorStore(settings, clock, ours)
    policy = replace(
        Policy.from_text(settings.fetch_allow),
        most_bytes=settings.mirror_bytes,
        total_seconds=settings.mirror_seconds,
    )
    base = settings.public_base_url
    said = telemetry()
    yard = Yard(
        settings,
        clock,
        Fetcher(policy, clock, log=said.fetched).open,
        spool,
        store,
        permanent(base) if base else store.presigned,
    )
    desk = Desk(yard, store, Post(settings, ours), said)
    porter = Porter(settings, lambda: secrets or {}, (keys or {}).get, lambda: None)
    return SimpleNamespace(
        handler=build(desk, porter), desk=desk, yard=yard, settings=settings, clock=clock
    )


def telemetry():
    """A logger that writes to the standard output of this very test."""
    logger = logging.getLogger("retouch")
    logger.handlers.clear()
    logger.__dict__.pop("init", None)
    logger.__dict__.pop("powertools_handler", None)
    return MirrorTelemetry()


def name_of(data, extension="png", prefix="mirror"):
    """The key these bytes belong under."""
    return f"{prefix}/{hashlib.sha256(data).hexdigest()}.{extension}"
