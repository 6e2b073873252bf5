"""A gateway with jobs: the real handlers of both functions, a provider on a real socket, and a queue in memory."""

import json

from retouch.api.handlers.edits_queue import build_handler
from retouch.gateway.authentication import key_digest
from retouch.orders.jobs import JobStores
from retouch.orders.stores import OrderStores
from tests.support.events import form_event, lambda_context, proxy_event
from tests.support.gateway_client import send_event, telemetry
from tests.support.images import b64
from tests.support.order_gateway import FIELDS as FIELDS
from tests.support.order_gateway import IMAGE as IMAGE
from tests.support.order_gateway import ProviderGateway
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services

ASYNC = {"Prefer": "respond-async"}
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}], "usage": {"total_tokens": 7}}
DEAD_LETTERS = "dead"
JOBS_PATH = "/v1/images/edits/"


class InMemoryQueue:
    """A queue of one process. A message stays until the worker has finished it."""

    def __init__(self):
        self.messages, self.delays, self.on_send = [], [], None

    def send(self, message):
        self.messages.append(message["order"])
        if self.on_send:
            self.on_send()

    def delay(self, receipt, seconds):
        self.delays.append(seconds)


class InMemoryRequests(dict[str, bytes]):
    """Stored requests in memory."""

    def put(self, order_id, data):
        self[order_id] = data

    def delete(self, order_id):
        self.pop(order_id, None)


class JobGateway(ProviderGateway):
    """The edits function and the worker function with the same stores."""

    success = SUCCESS

    def __init__(self, upstream, clock=None, webhooks=None, **env):
        self.upstream, self.clock, self.orders = upstream, clock or FakeClock(), InMemoryOrders()
        self.queue, self.requests = InMemoryQueue(), InMemoryRequests()
        self.stores = OrderStores(self.orders, self.orders)
        self.services = build_services(
            {
                "OPENAI_API_KEY": "k",
                "OPENAI_BASE_URL": upstream.url,
                "RETOUCH_BUCKET": "b",
                "RETOUCH_EDITS_DEAD_LETTERS": DEAD_LETTERS,
                **env,
            },
            self.clock,
            keys={self.digest(name): name for name in ("a", "b")},
            secrets={"RETOUCH_PEPPER": "pepper"},
            orders=self.stores,
            jobs=JobStores(self.stores, self.requests, self.queue),
            webhooks=webhooks,
        )
        self.answer()

    @staticmethod
    def digest(name):
        """Return the digest of the gateway key with this name."""
        return key_digest(f"rt_{name}", "pepper")

    def send(self, headers=None, fields=None, seconds=60.0):
        """Send an edit. By default it is a job."""
        event = form_event(
            FIELDS if fields is None else fields, ASYNC if headers is None else headers
        )
        return send_event(event, services=self.services, seconds=seconds)

    def get(self, identifier, suffix="", method="GET", headers=None, query=None):
        """Send a request to a route of a job."""
        event = proxy_event(method=method, path=f"{JOBS_PATH}{identifier}{suffix}", headers=headers)
        event["queryStringParameters"] = query
        return send_event(event, services=self.services)

    def list(self, headers=None, **query):
        """Return the list of jobs."""
        event = proxy_event(method="GET", path=JOBS_PATH.rstrip("/"), headers=headers)
        event["queryStringParameters"] = query
        return send_event(event, services=self.services)

    def cancel(self, identifier, headers=None):
        """Cancel a job."""
        return self.get(identifier, "/cancel", "POST", headers)

    def work(self, identifier=None, queue="jobs", request_id="worker-1", seconds=60.0):
        """Let the worker take the oldest message. Return whether it has finished it."""
        identifier = identifier or self.queue.messages[0]
        context = lambda_context(seconds)
        context.aws_request_id = request_id
        event = message_event(json.dumps({"order": identifier}), queue)
        response = build_handler(self.services, lambda: None, telemetry())(event, context)
        is_finished = not response["batchItemFailures"]
        if is_finished and identifier in self.queue.messages:
            self.queue.messages.remove(identifier)
        return is_finished


def message_event(body, queue="jobs"):
    """Return the event of one message."""
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": body,
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
    }
    return {"Records": [record]}
