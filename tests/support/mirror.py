"""The mirror for tests: images on real sockets, and S3, SQS and EventBridge from a moto server."""

import hashlib
import json
import os
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer
from moto.sqs.models import sqs_backends

from retouch.api.handlers.mirror_http import MirrorAuth, build_handler
from retouch.api.handlers.mirror_queue import MirrorConsumer
from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.mirror_bucket import MirrorBucket, permanent_links
from retouch.infrastructure.aws.mirror_messaging import MirrorMessaging
from retouch.infrastructure.body_spool import spool_body
from retouch.infrastructure.fetch.mirror_fetchers import mirror_fetchers
from retouch.infrastructure.telemetry.telemetry import MirrorTelemetry
from retouch.mirror.services import MirrorServices
from tests.support.events import lambda_context
from tests.support.services import find_key
from tests.support.upstream import ScriptedResponse, Upstream

BUCKET = "mirror-test"


class ImageHost(Upstream):
    """An image host.

    `files` maps a path to the bytes to serve. `scripts` maps a path to a function that gets the request handler.
    Every other path gets 404.
    """

    def __init__(self):
        super().__init__(ScriptedResponse(404))
        self.scripts = {}

    def download(self, handler):
        script = self.scripts.get(urlsplit(handler.path).path)
        if script is None:
            return super().download(handler)
        self.record_request(handler)
        try:
            return script(handler)
        except OSError:  # the mirror closed the connection
            handler.close_connection = True

    def set_status(self, path, status):
        """Respond to every later request for `path` with `status`."""
        self.scripts[path] = lambda handler: self.write_response(handler, ScriptedResponse(status))


class MotoAws:
    """S3 buckets, SQS queues and an EventBridge bus on a local socket."""

    def __init__(self, url):
        self.url = url
        self.env = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        session = boto3.Session("test", "test", region_name="us-east-1")
        self.s3 = session.client("s3", endpoint_url=url)
        self.sqs = session.client("sqs", endpoint_url=url)
        self.events = session.client("events", endpoint_url=url)

    def reset(self):
        """Delete everything and create an empty bucket, empty queues and an event bus.

        A rule sends the events of the bus to the queue 'news'. The attributes `queue` and `dead` hold the queue URLs.
        """
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.s3.create_bucket(Bucket=BUCKET)
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = "arn:aws:sqs:us-east-1:123456789012:dead"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
        self.queue = self.sqs.create_queue(
            QueueName="orders", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "720"}
        )["QueueUrl"]
        self.events_queue = self.sqs.create_queue(QueueName="news")["QueueUrl"]
        self.events.create_event_bus(Name="bus")
        pattern = json.dumps({"source": ["retouch"]})
        self.events.put_rule(Name="news", EventBusName="bus", EventPattern=pattern)
        self.events.put_targets(
            Rule="news",
            EventBusName="bus",
            Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:news"}],
        )

    def objects(self, prefix=""):
        """Return the objects of the bucket as {key: bytes}."""
        entries = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            o["Key"]: self.s3.get_object(Bucket=BUCKET, Key=o["Key"])["Body"].read()
            for o in entries
        }

    def head(self, key):
        return self.s3.head_object(Bucket=BUCKET, Key=key)

    def take_messages(self, queue):
        """Remove all messages from a queue and return them as [(body, {attribute: text})]."""
        taken = []
        while messages := self.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                attributes = message.get("MessageAttributes", {})
                taken.append(
                    (message["Body"], {k: v["StringValue"] for k, v in attributes.items()})
                )
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def receive_batch(self):
        """Receive the waiting messages of the request queue and return them as a Lambda SQS event."""
        messages = self.sqs.receive_message(
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
                        name: {
                            "stringValue": attribute["StringValue"],
                            "dataType": attribute["DataType"],
                        }
                        for name, attribute in message.get("MessageAttributes", {}).items()
                    },
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
                }
                for message in messages
            ]
        }

    def send_message(self, body):
        """Send a mirror request or any text to the request queue. Return the message id."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)["MessageId"]

    def make_messages_visible(self):
        """End every visibility timeout and every delay, so that all messages can be received."""
        for message in self._queued_messages():
            message.visible_at = message.delayed_until = 0

    def hidden_seconds(self):
        """Return for each message the seconds until it becomes visible."""
        return [
            max(message.visible_at, message.delayed_until) / 1000 - time.time()
            for message in self._queued_messages()
        ]

    def _queued_messages(self):
        return sqs_backends["123456789012"]["us-east-1"].queues["orders"]._messages

    def delete_processed(self, event, response):
        """Delete the messages that the response does not report as failed, as Lambda does."""
        failed = {failure["itemIdentifier"] for failure in response["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=record["receiptHandle"])


@contextmanager
def start_moto_aws():
    """Run a moto server while the context is open. All boto3 clients of this process connect to it."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    moto = MotoAws(f"http://{host}:{port}")
    try:
        with patch.dict(os.environ, moto.env):
            boto3.setup_default_session()
            # Each new session reads the service models again, which is slow. All callers share one session.
            new_session, shared_session = boto3.Session, boto3.Session()

            def session_factory(*args, **options):
                return new_session(*args, **options) if args or options else shared_session

            with patch.object(boto3, "Session", session_factory):
                yield moto
    finally:
        boto3.DEFAULT_SESSION = None
        server.stop()


def build_mirror(aws, *upstreams, secrets=None, keys=None, clock=None, **env):
    """Return the mirror with its real parts: .handler, .consumer, .services, .settings and .clock."""
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
    aws_clients = AwsClients()
    store = MirrorBucket(settings, clock, aws_clients)
    base_url = settings.public_base_url
    mirror_telemetry = telemetry()
    fetcher, edit_fetcher = mirror_fetchers(settings, clock, mirror_telemetry.log_fetch)
    services = MirrorServices(
        settings,
        clock,
        fetcher.open,
        edit_fetcher.open,
        spool_body,
        store,
        permanent_links(base_url, settings.mirror_days) if base_url else store.presign,
    )
    consumer = MirrorConsumer(
        services, store, MirrorMessaging(settings, aws_clients), mirror_telemetry
    )
    auth = MirrorAuth(
        settings, lambda: secrets or {}, lambda digest: find_key(keys or {}, digest), lambda: None
    )
    return SimpleNamespace(
        handler=build_handler(consumer, auth),
        consumer=consumer,
        services=services,
        settings=settings,
        clock=clock,
    )


def telemetry():
    """Return a MirrorTelemetry whose logger writes to the standard output of the current test."""
    return MirrorTelemetry(os.environ)


def object_key(data, extension="png", prefix="mirror"):
    """Return the object key for these bytes: the prefix, the SHA-256 of the bytes and the extension."""
    return f"{prefix}/{hashlib.sha256(data).hexdigest()}.{extension}"


@contextmanager
def running_mirror(mirror, aws):
    """Run the mirror as the consumer of the queue while the context lasts."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            batch = aws.receive_batch()
            if batch["Records"]:
                aws.delete_processed(batch, mirror.handler(batch, lambda_context()))
            stop.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
