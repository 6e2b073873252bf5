"""A gateway whose worker takes events: the real handler, an inbox and a queue in memory, and a provider on a socket."""

import json
from dataclasses import dataclass, field
from typing import Any

from retouch.api.handlers.edits_queue import build_handler
from retouch.inbox.ports import EventPorts, MessageNotSent
from tests.support.events import lambda_context
from tests.support.gateway_client import telemetry
from tests.support.images import b64, photo
from tests.support.inbox import BUCKET, InMemoryInbox, object_bus_event, recipe_cache
from tests.support.jobs import DEAD_LETTERS, JobGateway

PHOTO = photo(64, 64)
RECIPE = {"edit": {"model": "gpt-image-2", "prompt": "white background"}}
PHOTO_KEY = "inbox/white/photo.png"
OUTPUT, FAILURE = "outbox/white/photo.png", "failed/white/photo.png.json"
EDIT = {
    "model": "gpt-image-2",
    "prompt": "p",
    "images": [{"image_url": f"data:image/png;base64,{b64(PHOTO)}"}],
}
REPLIES = "arn:aws:sqs:us-east-1:123456789012:replies"


class SentMessages:
    """The messages about edits. `failures` are how many calls of each method fail next."""

    def __init__(self):
        self.events, self.replies, self.tasks, self.rejected, self.heartbeats = [], [], [], [], []
        self.failures = {}

    def publish(self, event):
        self._fail("publish")
        json.dumps(event)
        self.events.append(event)

    def reply(self, queue_arn, document, identifier):
        self._fail("reply")
        self.replies.append((queue_arn, document, identifier))

    def succeed_task(self, token, output):
        self._fail("succeed_task")
        self.tasks.append((token, None, output))

    def fail_task(self, token, error, cause):
        self._fail("fail_task")
        self.tasks.append((token, error, cause))

    def send_heartbeat(self, token):
        self._fail("send_heartbeat")
        self.heartbeats.append(token)

    def reject(self, body, code, reason, first_id):
        self._fail("reject")
        self.rejected.append((body, code, reason, first_id))

    def _fail(self, method):
        if self.failures.get(method, 0):
            self.failures[method] -= 1
            raise MessageNotSent(f"{method} failed.")


@dataclass
class Message:
    """A message of the queue."""

    id: str
    body: str
    visible_at: float = 0.0
    receives: int = 0
    sent_at: float = 0.0
    attributes: dict[str, str] = field(default_factory=dict)


class EventGateway(JobGateway):
    """The worker function with a queue that keeps its messages until they are finished."""

    def __init__(self, upstream, clock=None, **env):
        env = {"RETOUCH_REPLY_QUEUES": REPLIES, "RETOUCH_EVENTS_BUS": "bus", **env}
        super().__init__(upstream, clock, RETOUCH_BUCKET=BUCKET, **env)
        self.inbox, self.sent = InMemoryInbox(), SentMessages()
        self.messages: list[Message] = []
        self.results: dict[str, bytes] = {}
        bucket: Any = self.services.bucket
        queue: Any = self.queue
        bucket.put = self._put_result
        bucket.read_result = self.results.get
        queue.send = self.post
        queue.delay = self._delay
        self.write_recipe()

    def write_recipe(self, name="white", **values):
        self.restart()
        return self.inbox.upload(f"recipes/{name}.json", json.dumps({**RECIPE, **values}).encode())

    def restart(self):
        """Start a new worker process, which has read no recipe."""
        ports = EventPorts(self.inbox, recipe_cache(self.inbox, self.clock), self.sent)
        self.handler = build_handler(self.services, lambda: None, telemetry(), ports)

    def upload(self, key=PHOTO_KEY, data=PHOTO, metadata=None, times=1):
        """Upload an object as a user does. Its event arrives `times` times."""
        event = self.inbox.upload(key, data, metadata)
        for _ in range(times):
            self.post(object_bus_event(event))
        return event

    def post(self, body, identifier=None, **attributes):
        """Send a message to the queue."""
        text = body if isinstance(body, str) else json.dumps(body)
        number = f"m-{len(self.messages) + 1}"
        now = self.clock.unix_time()
        self.messages.append(
            Message(identifier or number, text, now, sent_at=now, attributes=attributes)
        )

    def deliver(self, message, queue="edits"):
        """Let the worker take a message. Return whether it has finished it."""
        message.receives += 1
        message.visible_at = self.clock.unix_time() + 960
        self._current = message
        context = lambda_context(60.0)
        record = {
            "messageId": message.id,
            "receiptHandle": message.id,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(int(message.sent_at * 1000)),
            },
            "messageAttributes": {
                name: {"stringValue": text, "dataType": "String"}
                for name, text in message.attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        }
        response = self.handler({"Records": [record]}, context)
        is_finished = not response["batchItemFailures"]
        if is_finished:
            self.messages.remove(message)
        return is_finished

    def work_all(self, shuffle=None):
        """Deliver all visible messages until none is left that is visible now."""
        while visible := [m for m in self.messages if m.visible_at <= self.clock.unix_time()]:
            if shuffle:
                shuffle(visible)
            self.deliver(visible[0])

    def work_until(self, seconds, step=5):
        """Work for some time of the clock."""
        end = self.clock.unix_time() + seconds
        while self.clock.unix_time() < end:
            self.work_all()
            self.clock.advance(step)

    def redrive(self, message):
        """Deliver a message from the dead-letter queue of the edits queue."""
        return self.deliver(message, DEAD_LETTERS)

    def read_json(self, key):
        return json.loads(self.inbox.objects[key].data)

    @property
    def calls(self):
        """The number of paid requests."""
        return len(self.upstream.calls)

    @property
    def event_types(self):
        return [event["type"].removeprefix("retouch.edit.") for event in self.sent.events]

    @property
    def event_ids(self):
        return {event["id"] for event in self.sent.events}

    def _put_result(self, data, format):
        key = f"results/{len(self.results):064x}.{format}"
        self.results[key] = data
        return key

    def _delay(self, receipt, seconds):
        self._current.visible_at = self.clock.unix_time() + seconds
