"""Webhooks for tests: a receiver with TLS on a real socket, and a queue whose messages wait on a fake clock."""

import socket
from itertools import count
from pathlib import Path

from retouch.core.errors import WebhooksUnavailable
from retouch.core.settings import Settings
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch.connector import Connector
from retouch.infrastructure.fetch.event_client import EventHttpClient
from retouch.infrastructure.local.row_folder import RowFolderTable
from retouch.webhooks.delivery import new_delivery
from retouch.webhooks.event import EVENT_TYPES, make_event
from retouch.webhooks.outbox import queue_event
from retouch.webhooks.records import read_delivery, read_endpoint
from retouch.webhooks.registry import EndpointChanges, create_endpoint
from retouch.webhooks.sender import Sender
from retouch.webhooks.services import WebhookServices
from tests.support.certificates import client_tls_context, tls_context_for
from tests.support.fake_internet import ScriptedResolver
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream

HOST, SCOPE, PEPPER = "hooks.test", "key-a", "pepper"
URL = f"https://{HOST}/events?a=b"
ACCEPTED = ScriptedResponse(204)
FAILED = ScriptedResponse(500, b"no")
LEASE_SECONDS = 60
SCHEDULE = Settings().webhook_schedule


def _unavailable_error():
    return WebhooksUnavailable("The table is down.")


class Receiver(Upstream):
    """A receiver with a valid certificate of the test authority."""

    def __init__(self, *responses, host=HOST):
        super().__init__(*(responses or [ACCEPTED]))
        self.server.socket = tls_context_for("good", host).wrap_socket(
            self.server.socket, server_side=True
        )

    @property
    def port(self):
        return self.server.server_address[1]


class FakeQueue:
    """A queue of one process. A message that is not finished becomes visible again on the clock."""

    def __init__(self, clock):
        self.clock, self.messages, self.is_down, self._ids = clock, {}, False, count()

    def send(self, scope, delivery_id):
        if self.is_down:
            raise OSError("the queue is down")
        self.messages[str(next(self._ids))] = [0, scope, delivery_id]

    def delay(self, receipt, seconds):
        self.messages[receipt][0] = self.clock.unix_time() + seconds


class WebhookSystem:
    """The parts of webhooks around one receiver. Every public name leads to it, with the address 8.8.8.8."""

    def __init__(self, folder, receiver, clock=None, dns=None):
        self.clock = clock or FakeClock()
        self.dns = ScriptedResolver(dns or {"*": [["8.8.8.8"]]})
        self.connected, self.receiver = [], receiver
        client = EventHttpClient(
            FetchPolicy(user_agent="retouch (+https://operator.test)"),
            self.clock,
            resolve_name=self.dns,
            open_connection=Connector(client_tls_context, self._connect),
        )
        self.queue = FakeQueue(self.clock)
        table = RowFolderTable(Path(folder) / "webhooks.sqlite", _unavailable_error)
        self.services = WebhookServices(table, self.queue, client, SCHEDULE)
        self.disabled: list[str] = []
        self.sender = Sender(self.services, self.clock, PEPPER, self.disabled.append, LEASE_SECONDS)

    def _connect(self, address, seconds):
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self.receiver.port), seconds)

    def create(self, url=URL, event_types=EVENT_TYPES, scope=SCOPE):
        """Register an endpoint. Return it and its secret."""
        changes = EndpointChanges(url, "receiver", tuple(event_types))
        return create_endpoint(scope, changes, self.services, PEPPER, self.clock.unix_time())

    def emit(self, endpoint, subject="edit_1", event_type="image.edit.completed"):
        """Queue an event for an endpoint. Return the id of its delivery."""
        now = self.clock.unix_time()
        event = make_event(subject, event_type, now, {"id": subject, "status": "completed"})
        queue_event(event, endpoint.scope, [endpoint.id], self.services, now)
        return new_delivery(event, endpoint.scope, endpoint.id, now).id

    def work(self):
        """Process every visible message once."""
        for receipt, (visible_at, scope, delivery_id) in list(self.queue.messages.items()):
            if visible_at > self.clock.unix_time():
                continue
            pause = self.sender.process(scope, delivery_id)
            if pause is None:
                del self.queue.messages[receipt]
            else:
                self.queue.delay(receipt, pause)

    def run_schedule(self, days=3):
        """Let time pass from message to message until the queue is empty or the days are over."""
        end = self.clock.unix_time() + days * 86_400
        while self.queue.messages and self.clock.unix_time() < end:
            self.work()
            due = [message[0] for message in self.queue.messages.values()]
            if due:
                self.clock.advance(max(1, min(due) - self.clock.unix_time()))

    def receive(self):
        """Deliver everything that is due within a day. Return the bodies of all requests so far."""
        self.run_schedule(days=1)
        return [request.json() for request in self.receiver.received]

    def delivery(self, identifier, scope=SCOPE):
        """Return a stored delivery."""
        return read_delivery(self.services.table, scope, identifier)

    def endpoint(self, identifier, scope=SCOPE):
        """Return a stored endpoint."""
        return read_endpoint(self.services.table, scope, identifier)


def attempt_times(delivery):
    return [attempt.time for attempt in delivery.attempts]
