"""Batches for tests: their table in DynamoDB, stores in memory, and a gateway that works on them step by step."""

import json
import secrets
from collections import Counter
from dataclasses import replace

from retouch.batches.stores import BatchStores
from retouch.core.rows import RowConflict
from retouch.gateway.budgets.budget_ledger import BudgetLedger
from retouch.orders.jobs import JobStores
from tests.support.budgets import InMemoryBudgets, RecordedNotices
from tests.support.dynamodb import table_definition
from tests.support.events import encode_multipart, lambda_context, proxy_event
from tests.support.gateway_client import send_event, telemetry
from tests.support.images import data_url
from tests.support.jobs import IMAGE, JobGateway, message_event

TABLE = "batches"
BATCHES_DEFINITION = table_definition(TABLE, "pk", "sk", due="dp,ds:N")
PICTURE = data_url(IMAGE)


class InMemoryRows:
    """A table of batches and files of one process. `on_write` is called before and after each write."""

    def __init__(self):
        self.rows, self.on_write = {}, lambda moment, row: None

    def read(self, scope, identifier):
        return self.rows.get((scope, identifier))

    def write(self, row, replaces):
        self.on_write("before", row)
        stored = self.rows.get((row.scope, row.id))
        if (stored and stored.version) != (replaces and replaces.version):
            raise RowConflict(stored)
        written = replace(row, version=secrets.token_hex(8))
        self.rows[row.scope, row.id] = written
        self.on_write("after", row)
        return written

    def delete(self, scope, identifier):
        del self.rows[scope, identifier]

    def list_rows(self, scope, prefix, after, limit, *, is_ascending):
        ids = sorted(
            (i for s, i in self.rows if s == scope and i.startswith(prefix)),
            reverse=not is_ascending,
        )
        rest = ids[ids.index(after) + 1 :] if after else ids
        return [self.rows[scope, identifier] for identifier in rest[:limit]]

    def list_due(self, before):
        return [row for row in self.rows.values() if 0 < row.due < before]


class InMemoryContents:
    """A bucket of one process."""

    def __init__(self):
        self.objects, self.on_put = {}, lambda key: None

    def put(self, key, data):
        self.objects.setdefault(key, data)
        self.on_put(key)

    def copy(self, source, target):
        self.objects[target] = self.objects[source]

    def size(self, key):
        return len(self.objects[key]) if key in self.objects else None

    def read(self, key, start, length):
        return self.objects[key][start : start + length]

    def delete(self, key):
        self.objects.pop(key, None)

    def sign(self, key, name):
        return f"https://bucket.example/{key}"


class InMemoryMessages:
    """A queue of one process: messages with their delays."""

    def __init__(self):
        self.messages, self.delays = [], []

    def send(self, message, delay_seconds=0):
        self.messages.append((message, delay_seconds))

    def send_all(self, messages):
        self.messages += [(message, 0) for message in messages]

    def delay(self, receipt, seconds):
        self.delays.append(seconds)


class BatchGateway(JobGateway):
    """The edits function and the worker function with batches. Each call of `step` delivers one message."""

    def __init__(self, upstream, clock=None, gateway_key=None, **env):
        """Create the gateway. Every caller has the gateway key, if there is one."""
        env = {"RETOUCH_BATCHES_QUEUE": "https://sqs.example/lines", **env}
        super().__init__(upstream, clock, **env)
        if gateway_key:
            self._add_budgets(gateway_key)
        self.rows, self.contents = InMemoryRows(), InMemoryContents()
        self.steps, self.lines = InMemoryMessages(), InMemoryMessages()
        jobs = self.services.jobs
        stores = BatchStores(
            self.rows,
            self.contents,
            self.steps,
            self.lines,
            self.orders,
            JobStores(jobs.orders, self.requests, self.queue),
        )
        self.batch_stores = stores
        self.services = replace(self.services, load_batches=lambda: stores)

    def _add_budgets(self, gateway_key):
        self.budgets = InMemoryBudgets()
        ledger = BudgetLedger(lambda: self.budgets, RecordedNotices())
        jobs, orders = self.services.jobs, replace(self.services.orders, ledger=ledger)
        self.services = replace(
            self.services,
            find_key=lambda _: gateway_key,
            open_budgets=lambda: self.budgets,
            orders=orders,
            jobs=replace(jobs, orders=orders),
        )

    def call(self, method, path, body=None, headers=None, query=None):
        """Send a request with a JSON body to a route of files or batches."""
        return call_route(self.services, method, path, body, headers, query)

    def upload(self, lines, headers=None, **fields):
        """Store lines as a file, and return the response. A line is an object or bytes."""
        texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
        file = ("in.jsonl", b"\n".join(texts), "text/plain")
        form = {"purpose": "batch", "file": file, **fields}
        content_type, body = encode_multipart(form)
        event = proxy_event(content_type, body, headers, "POST", "/v1/files")
        return send_event(event, services=self.services)

    def create(self, lines, headers=None, **fields):
        """Make a batch of lines, and return its id."""
        file = self.upload(lines, headers).json["id"]
        response = self.call("POST", "/v1/batches", batch_body(file, **fields), headers)
        assert response.status == 200, response.json
        return response.json["id"]

    def get_batch(self, identifier, headers=None):
        """Return a batch as an object."""
        return self.call("GET", f"/v1/batches/{identifier}", headers=headers).json

    def deliver(self, message, queue="jobs", request_id="worker-1", seconds=60.0):
        """Give a message to the worker. Return whether it has finished it."""
        from retouch.api.handlers.edits_queue import build_handler

        context = lambda_context(seconds)
        context.aws_request_id = request_id
        event = message_event(json.dumps(message), queue)
        response = build_handler(self.services, lambda: None, telemetry())(event, context)
        return not response["batchItemFailures"]

    def step(self, **options):
        """Deliver the next message of a step after its delay. It stays in the queue if the worker crashes."""
        entry = min(self.steps.messages, key=lambda one: one[1])
        message, delay = entry
        self.clock.advance(delay)
        is_finished = self.deliver(message, **options)
        if is_finished:
            self.steps.messages.remove(entry)
        return is_finished

    def work_on_lines(self, count=None):
        """Deliver messages of lines, by default all of them."""
        for _ in range(len(self.lines.messages) if count is None else count):
            message, _ = self.lines.messages.pop(0)
            if not self.deliver(message, queue="lines"):
                self.lines.messages.append((message, 0))

    def run(self, identifier, headers=None):
        """Work until a batch has ended, and return it."""
        for _ in range(50):
            if self.steps.messages:
                self.step()
            self.work_on_lines()
            batch = self.get_batch(identifier, headers)
            if batch["status"] in ("completed", "failed", "expired", "cancelled"):
                return batch
        raise AssertionError(f"the batch did not end: {batch}")

    def results(self, file_id):
        """Return the lines of a file of results by their custom id."""
        data = self.contents.objects[f"files/{file_id}"]
        lines = [json.loads(line) for line in data.splitlines()]
        assert max(Counter(line["custom_id"] for line in lines).values()) == 1
        return {line["custom_id"]: line for line in lines}

    @property
    def paid_prompts(self):
        """The prompts that the provider got, with their number."""
        names = [f"prompt-{i}-" for i in range(400)]
        return Counter(n for n in names for call in self.upstream.calls if n.encode() in call.body)


def call_route(services, method, path, body=None, headers=None, query=None):
    """Send a request with a JSON body to a route."""
    data = b"" if body is None else json.dumps(body).encode()
    event = proxy_event("application/json", data, headers, method, path)
    event["queryStringParameters"] = query
    return send_event(event, services=services)


def batch_body(file, **fields):
    """Return the body of a new batch."""
    return {
        "input_file_id": file,
        "endpoint": "/v1/images/edits",
        "completion_window": "24h",
        **fields,
    }


def batch_line(number, picture=PICTURE, **fields):
    """Return one valid line."""
    body = {
        "model": "openai/gpt-image-2",
        "prompt": f"prompt-{number}-",
        "images": [{"image_url": picture}],
    }
    return {
        "custom_id": f"line-{number}",
        "method": "POST",
        "url": "/v1/images/edits",
        "body": body,
        **fields,
    }


def lines_of(count):
    return [batch_line(number) for number in range(count)]
