"""Order tables and answer stores for tests: moto over real sockets, a folder, and one in memory."""

import secrets
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import boto3
import requests
from moto.server import ThreadedMotoServer

import tests.support.atomic_moto  # noqa: F401
from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.orders.order import Fingerprint, StoredAnswer, order_key
from retouch.orders.stores import OrderConflict
from retouch.orders.transitions import Claim
from tests.support.dynamodb import table_definition

TABLE, BUCKET = "orders", "answers"
NOW = 1_800_000_000
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}
TABLE_DEFINITION = table_definition(TABLE, "pk", open="op,os:N", by_time="gp,gs", by_batch="bk,bs")


@contextmanager
def moto_server():
    """Yield the port of a moto server with the table of orders and a bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        # All moto servers of a process share their state.
        requests.post(f"http://127.0.0.1:{port}/moto-api/reset", timeout=30).raise_for_status()
        session, url = (
            boto3.Session("testing", "testing", region_name="us-east-1"),
            f"http://127.0.0.1:{port}",
        )
        session.client("dynamodb", endpoint_url=url).create_table(**TABLE_DEFINITION)
        session.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
        yield port
    finally:
        server.stop()


def claim(
    key="order-1", *, fingerprint="a" * 64, request_id="request-1", lease=NOW + 960, **fields
):
    """Return the claim of a request."""
    values = {"validity": 86_400, "scope": "tenant", **fields}
    print_ = Fingerprint(fingerprint, {"prompt": fingerprint[:8]})
    return Claim(
        order_key(values["scope"], key),
        values["scope"],
        print_,
        request_id,
        lease,
        values["validity"],
    )


def answer(body=b'{"data": []}', **fields):
    """Return a stored answer."""
    values = {
        "status": 200,
        "headers": {"Content-Type": "application/json"},
        "billed": "yes",
        "cost": "0.04",
    }
    return StoredAnswer(body=body, **{**values, **fields})


class InMemoryOrders:
    """A table and an answer store of one process."""

    def __init__(self):
        self._lock, self._is_free = threading.Lock(), threading.Event()
        self._is_free.set()
        self.orders, self.recent, self.answers, self.is_down = {}, {}, {}, False

    def read(self, key):
        self._check()
        with self._lock:
            return self.orders.get(key)

    def write(self, order, replaces):
        self._check()
        with self._lock:
            stored = self.orders.get(order.key)
            if (stored and stored.version) != (replaces and replaces.version):
                raise OrderConflict(stored)
            self.orders[order.key] = replace(order, version=secrets.token_hex(8))
            return self.orders[order.key]

    def count_batch(self, batch):
        self._check()
        ends = [one.batch_end for one in self.orders.values() if one.batch == batch]
        return Counter(filter(None, ends))

    def list_abandoned(self, now):
        return [one for one in self.orders.values() if one.is_listed and one.lease < now]

    def list_jobs(self, scope, before, limit):
        self._check()
        jobs = [
            one
            for one in self.orders.values()
            if one.is_job
            and one.scope == scope
            and one.source != "batch"
            and one.id < (before or "~")
        ]
        return sorted(jobs, key=lambda one: one.id, reverse=True)[:limit]

    def remove(self, order):
        self._check()
        with self._lock:
            stored = self.orders.get(order.key)
            if stored and stored.version != order.version:
                raise OrderConflict(stored)
            self.orders.pop(order.key, None)

    def delete(self, order_id):
        self._check()
        self.answers.pop(order_id, None)

    def add_recent(self, fingerprint, key, expires, retry):
        self._check()
        self.recent.setdefault(fingerprint, {}).setdefault(key, retry)

    def recent_orders(self, fingerprint, now):
        self._check()
        return dict(self.recent.get(fingerprint, {}))

    def join_recent(self, fingerprint, key, retry):
        self._check()
        with self._lock:
            is_free = self.recent[fingerprint][key] < retry
            if is_free:
                self.recent[fingerprint][key] = retry
            return is_free

    def put(self, order_id, answer):
        self._check()
        with self._lock:
            return self.answers.setdefault(order_id, answer)

    def get(self, order_id):
        self._check()
        return self.answers.get(order_id)

    def hang(self):
        """Let every call wait until `resume`."""
        self._is_free.clear()

    def resume(self):
        """Let the calls that hang go on."""
        self._is_free.set()

    def _check(self):
        self._is_free.wait(30)
        if self.is_down:
            raise OrdersUnavailable("The table is down.")


def create_aws_clients(kind: str, url: str) -> AwsClients:
    """Return clients of the services at a URL: "small clients", which a deployed function has, or those of "boto3"."""
    environment = AwsEnvironment.from_env({**CREDENTIALS, "AWS_ENDPOINT_URL": url})
    return AwsClients(environment if kind == "small clients" else None)
