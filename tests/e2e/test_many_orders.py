"""A thousand orders with crashes at every step and lost answers of the database: none is bought twice."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from retouch.core.clock import SystemClock
from retouch.infrastructure.aws.answer_bucket import AnswerBucket
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.orders.order import order_key
from retouch.orders.stores import OrderStores
from retouch.orders.sweeper import sweep
from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, photo
from tests.support.killed_process import ProcessKilled
from tests.support.lost_answers import LosingProxy
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

IMAGE = photo(16, 16)
OPEN_SCOPE = sha256(b"").hexdigest()  # of callers without any key, at an open gateway
ORDERS, CLIENTS, DUPLICATES = 1000, 12, 0.1
CRASHES, LOSS_EVERY = 0.05, 20  # of each step; the place of a lost answer among the writes
FUNCTION_SECONDS = 4.0


def crash_now_and_then(function):
    """Return the function with a crash before it or after it, now and then."""

    def run(*args, **kwargs):
        maybe_die()
        result = function(*args, **kwargs)
        maybe_die()
        return result

    return run


def maybe_die():
    if random.random() < CRASHES / 2:
        raise ProcessKilled


@pytest.fixture
def proxy(monkeypatch):
    with moto_server() as port:
        proxy = LosingProxy(port)
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": proxy.url}.items():
            monkeypatch.setenv(name, value)
        yield proxy
        proxy.close()


@pytest.fixture
def upstream():
    with Upstream(json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})) as upstream:
        yield upstream


@pytest.fixture
def services(proxy, upstream, monkeypatch):
    """Return services that end the process at each step now and then."""
    table, answers = OrderDynamoTable(TABLE, AwsClients()), AnswerBucket(BUCKET, AwsClients())
    monkeypatch.setattr(table, "write", crash_now_and_then(table.write))
    monkeypatch.setattr(answers, "put", crash_now_and_then(answers.put))
    env = {
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": upstream.url,
        "RETOUCH_LEASE_MARGIN_SECONDS": "0",
        "RETOUCH_LEAST_CALL_SECONDS": "0",
        "RETOUCH_BREAKER": "off",
    }
    services = build_services(env, SystemClock(), orders=OrderStores(table, answers))
    services.send = crash_now_and_then(services.send)
    return services


def ask_until_answered(services, key):
    """Send the edit until there is an answer, as a client does whose server crashes now and then."""
    fields = {"model": "gpt-image-2", "prompt": key, "image": file_part(IMAGE)}
    event = form_event(fields, {"Idempotency-Key": key})
    for _ in range(30):
        try:
            response = send_event(event, services=services, seconds=FUNCTION_SECONDS)
        except ProcessKilled:
            continue
        if response.status not in (409, 503):
            return response.status, response.json
        time.sleep(0.2)
    return 0, None


def sweep_until_done(stores):
    """Sweep, again after each crash."""
    while True:
        try:
            return sweep(stores, None, int(time.time()) + 60)
        except ProcessKilled:
            continue


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousand_orders_with_crashes_and_lost_answers_are_bought_at_most_once(
    services, upstream, proxy
):
    keys = [f"order-{number:04}" for number in range(ORDERS)]
    requests = keys + random.sample(keys, int(ORDERS * DUPLICATES))
    random.shuffle(requests)
    proxy.lose(b"DynamoDB_20120810.PutItem", times=10**9, every=LOSS_EVERY)
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda key: ask_until_answered(services, key), requests))
    assert proxy.lost > ORDERS / LOSS_EVERY
    proxy.lose(b"", times=0)

    images: dict[str, set[str]] = {key: set() for key in keys}
    for key, (status, body) in zip(requests, answers, strict=True):
        if status == 200:
            images[key].add(str(body))
    assert all(len(found) <= 1 for found in images.values())
    calls = [sum(key.encode() in call.body for call in upstream.calls) for key in keys]
    assert max(calls) == 1

    time.sleep(FUNCTION_SECONDS)
    for _ in range(2):
        sweep_until_done(services.orders)
    table = services.orders.table
    assert table.list_abandoned(2**40) == []
    orders = [table.read(order_key(f"http:{OPEN_SCOPE}", key)) for key in keys]
    assert {order.state for order in orders} <= {"done", "open", "unknown"}
    done = [number for number, order in zip(calls, orders, strict=True) if order.state == "done"]
    assert set(done) == {1}
    assert len(done) > ORDERS * 0.2
