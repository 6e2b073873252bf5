"""A gateway with a provider and a table of orders in memory, for tests of orders of edits."""

from contextlib import contextmanager
from typing import Any

import pytest

from retouch.orders.stores import OrderStores
from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.killed_process import ProcessKilled
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import Upstream, json_response
from tests.support.waits import wait_until

IMAGE = photo(64, 64)
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
KEY = {"Idempotency-Key": '"order-4711"'}
FIRST, RETRY = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
SLOW = 0.3  # seconds of an edit that is written
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}


class ProviderGateway:
    """The provider and the orders of a gateway, as a test sees them."""

    success = SUCCESS
    upstream: Any
    orders: Any

    def answer(self, status=200, body=None, delay=0.0, headers=None, may_start=None):
        """Set what the provider answers from now on."""
        response = json_response(self.success if body is None else body, status)
        response.delay, response.may_start = delay, may_start
        response.headers.update(headers or {})
        self.upstream.responses[:] = [response]

    @property
    def stored(self):
        """The only order."""
        (order,) = self.orders.orders.values()
        return order


class Gateway(ProviderGateway):
    """A gateway with one provider and a table of orders."""

    def __init__(self, upstream, clock=None, **env):
        self.upstream, self.clock, self.orders = upstream, clock or FakeClock(), InMemoryOrders()
        self.env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **env}
        self.stores = OrderStores(self.orders, self.orders)
        self.services = build_services(self.env, self.clock, orders=self.stores)

    def send(self, headers=KEY, fields=FIELDS, seconds=60.0):
        event = form_event(fields, headers)
        return send_event(event, services=self.services, seconds=seconds)

    def wait_for_call(self):
        wait_until(lambda: self.upstream.calls)


@contextmanager
def run_gateway(clock=None, delay=0.0):
    """Yield a gateway whose provider answers each edit with an image after `delay` seconds."""
    with Upstream(json_response(SUCCESS)) as upstream:
        gateway = Gateway(upstream, clock)
        gateway.answer(delay=delay)
        yield gateway


def kill_after_write(gateway, state):
    """Let the process end directly after it has written this state."""
    write = gateway.orders.write

    def write_and_end(order, replaces):
        written = write(order, replaces)
        if order.state == state:
            gateway.orders.write = write
            raise ProcessKilled
        return written

    gateway.orders.write = write_and_end


def crash_after(gateway, step, fields=FIELDS):
    """Run a request up to a step, and let its process end there. Its lease is over afterwards."""

    def end(*_, **__):
        raise ProcessKilled

    write, put = gateway.orders.write, gateway.orders.put

    def write_or_end(order, replaces):
        written = write(order, replaces)
        return end() if order.state == step else written

    gateway.orders.write = write_or_end
    gateway.orders.put = end if step == "answer" else put
    with pytest.raises(ProcessKilled):
        gateway.send(KEY, fields)
    gateway.orders.write, gateway.orders.put = write, put
    gateway.clock.advance(200)
