"""An admin API with logs of two workspaces, and a worker that writes exports."""

import json

from retouch.api.handlers.edits_queue import build_handler
from retouch.core.errors import UsageUnavailable
from retouch.orders.order import order_id
from retouch.usage.event import format_time, start_of_day
from retouch.usage.exports import ExportPorts
from tests.support.events import lambda_context
from tests.support.gateway_client import telemetry
from tests.support.services import build_services
from tests.support.tenants import AdminApi
from tests.support.usage import InMemoryUsage, make_event

TODAY = start_of_day("2026-11-22")
SPAN = {
    "time_of_generation_min": format_time(TODAY),
    "time_of_generation_max": format_time(TODAY + 86_400),
}
QUERY = "&".join(f"{name}={value}" for name, value in SPAN.items())
SCOPES = ["logs.list", "logs.view", "logs.write", "logs.export", "analytics.view"]
ORDERS = [order_id(letter * 26, TODAY) for letter in "abc"]


class Files(dict[str, bytes]):
    """Files of exports in memory."""

    is_down = False

    def put(self, key, file):
        if self.is_down:
            raise UsageUnavailable("The bucket is down.")
        self[key] = file.read()


class Queue:
    """A queue that keeps its messages."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def delay(self, receipt, seconds):
        pass


class Logs(AdminApi):
    """An admin API with two workspaces, three requests and a queue."""

    def __init__(self, folder):
        self.store, self.files, self.queue = InMemoryUsage(), Files(), Queue()
        super().__init__(folder, usage_store=self.store, queue=self.queue)
        self.shop, self.cafe = self.workspace("shop"), self.workspace("cafe")
        _, self.shop_key = self.key(self.shop, scopes=SCOPES)
        _, self.cafe_key = self.key(self.cafe, scopes=SCOPES)
        shared = {"workspace": self.shop, "time": TODAY + 10}
        for event in (
            make_event(order=ORDERS[0], status=429, is_final=False, code="x", cost=0, **shared),
            make_event(order=ORDERS[0], attempt=2, target="config.targets[1]", **shared),
            make_event(order=ORDERS[1], trace="trace-2", model="other", **shared),
            make_event(order=ORDERS[2], trace="trace-3", workspace=self.cafe, time=TODAY + 9),
        ):
            self.store.write_event(event)

    def get(self, path, key=None):
        return self.call("GET", f"/v1/logs{path}", key=key or self.shop_key)

    def post(self, path, body=None, key=None, method="POST"):
        return self.call(method, f"/v1/logs{path}", body, key=key or self.shop_key)

    def new_export(self, **fields):
        answer = self.post("/exports", {"filters": SPAN, **fields})
        assert answer.status == 200, answer.text
        return answer.json["id"]

    def state(self, identifier):
        return self.get(f"/exports/{identifier}").json["status"]

    def work(self, message, queue_name="edits"):
        """Let the worker function work on a message of the queue. Return whether it is finished."""
        assert self.services.documents is not None
        ports = ExportPorts(self.store, self.services.documents, self.files)
        env = {"RETOUCH_EDITS_DEAD_LETTERS": "dead"}
        services = build_services(
            env, clock=self.clock, load_exports=lambda: ports, jobs=_Jobs(self.queue)
        )
        record = {
            "messageId": "1",
            "receiptHandle": "1",
            "body": json.dumps(message),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue_name}",
        }
        handler = build_handler(services, lambda: None, telemetry())
        return not handler({"Records": [record]}, lambda_context())["batchItemFailures"]


class _Jobs:
    def __init__(self, queue):
        self.queue = queue
