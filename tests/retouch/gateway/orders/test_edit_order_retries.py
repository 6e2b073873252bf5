"""Tests of the retries of an SDK, which find the order of their first try without a key."""

import threading
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.api.response import keep_alive
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import telemetry
from tests.support.order_gateway import FIELDS, FIRST, RETRY, SLOW
from tests.support.waits import wait_until


@pytest.fixture(autouse=True)
def write_at_once(monkeypatch):
    """Write the order of every edit that does not end at once."""
    monkeypatch.setattr(keep_alive, "WRITE_AFTER_SECONDS", 0.0)


@pytest.fixture
def write_never(monkeypatch, write_at_once):
    """Write the order of no edit, because every edit ends before."""
    monkeypatch.setattr(keep_alive, "WRITE_AFTER_SECONDS", 60.0)


@pytest.fixture
def may_answer(real_time_gateway):
    """Return the event that lets the provider answer."""
    event = threading.Event()
    real_time_gateway.answer(may_start=event)
    return event


def test_retry_of_an_sdk_gets_the_answer_of_its_first_try(gateway):
    gateway.answer(delay=SLOW)
    first, retry = gateway.send(FIRST), gateway.send(RETRY)
    assert (first.status, retry.status) == (200, 200)
    assert retry.json == first.json
    assert retry.headers["idempotent-replayed"] == "true"
    assert len(gateway.upstream.calls) == 1


def test_retry_of_an_sdk_waits_for_its_first_try(real_time_gateway, may_answer):
    gateway, reads = real_time_gateway, Mock(side_effect=real_time_gateway.orders.read)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(gateway.send, FIRST)
        wait_until(lambda: gateway.orders.orders)
        gateway.orders.read = reads
        waiting = pool.submit(gateway.send, RETRY)
        wait_until(lambda: reads.call_count > 2)
        may_answer.set()
        retry = waiting.result()
    assert retry.status == 200
    assert retry.headers["idempotent-replayed"] == "true"
    assert len(gateway.upstream.calls) == 1


def test_retry_of_an_edit_with_an_unknown_outcome_gets_its_failure(gateway):
    gateway.answer(500, {"error": {}}, delay=SLOW)
    first, retry = gateway.send(FIRST), gateway.send(RETRY)
    assert first.headers["x-retouch-billed"] == "unknown"
    assert (retry.status, retry.json) == (502, first.json)
    assert len(gateway.upstream.calls) == 1


def test_first_tries_of_equal_edits_are_two_orders(gateway):
    gateway.answer(delay=SLOW)
    assert [gateway.send(FIRST).status for _ in range(2)] == [200, 200]
    assert len(gateway.upstream.calls) == 2
    assert len(gateway.orders.orders) == 2


def test_edit_that_ends_at_once_and_edit_of_another_client_are_not_written(gateway, write_never):
    assert gateway.send(FIRST).status == 200
    assert gateway.send({}).status == 200
    assert gateway.orders.orders == {}


@pytest.mark.parametrize("delay", [0.0, SLOW], ids=["fast", "slow"])
def test_retry_of_a_free_failure_is_a_new_try(gateway, delay):
    gateway.answer(429, {"error": {}}, delay, {"retry-after": "60"})
    assert gateway.send(FIRST).headers["x-retouch-billed"] == "no"
    gateway.answer()
    retry = gateway.send(RETRY)
    assert retry.status == 200
    assert "idempotent-replayed" not in retry.headers


def test_retry_of_a_free_failure_does_not_get_an_equal_earlier_edit(gateway):
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    gateway.answer(429, {"error": {}}, 0.0, {"retry-after": "60"})
    assert gateway.send(FIRST).status == 429
    gateway.answer()
    assert "idempotent-replayed" not in gateway.send(RETRY).headers
    assert len(gateway.upstream.calls) == 3


def test_retry_after_fifteen_minutes_and_retry_that_does_not_join_are_new_edits(gateway):
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    assert "idempotent-replayed" not in gateway.send({**RETRY, "x-retouch-join": "never"}).headers
    gateway.clock.advance(1000)
    assert "idempotent-replayed" not in gateway.send(RETRY).headers


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer sk-other"}, {"x-portkey-config": '{"retry": {"attempts": 1}}'}],
    ids=lambda headers: next(iter(headers)),
)
def test_retry_of_another_caller_or_with_another_config_is_a_new_edit(gateway, headers):
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    assert "idempotent-replayed" not in gateway.send({**RETRY, **headers}).headers


def test_sdk_is_served_when_the_table_fails(gateway):
    gateway.answer(delay=SLOW)
    gateway.orders.is_down = True
    assert gateway.send(FIRST).status == 200
    assert gateway.send(RETRY).status == 200


def test_retries_of_two_equal_edits_get_two_images(real_time_gateway, may_answer):
    gateway = real_time_gateway
    with ThreadPoolExecutor(4) as pool:
        firsts = [pool.submit(gateway.send, FIRST) for _ in range(2)]
        wait_until(lambda: len(gateway.orders.orders) == len(gateway.upstream.calls) == 2)
        retries = [pool.submit(gateway.send, RETRY) for _ in range(2)]
        may_answer.set()
        orders = [
            {one.result().headers["x-retouch-order"] for one in two} for two in (firsts, retries)
        ]
    assert orders[0] == orders[1]
    assert len(orders[1]) == len(gateway.upstream.calls) == 2


def test_retry_of_a_free_failure_is_a_new_try_beside_an_equal_edit_that_is_done(gateway):
    gateway.answer(429, {"error": {}}, SLOW, {"retry-after": "60"})
    gateway.send(FIRST)
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    assert "idempotent-replayed" not in gateway.send(RETRY).headers
    assert len(gateway.upstream.calls) == 3


def test_each_retry_of_an_edit_finds_it_once(gateway):
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    second = {"x-stainless-retry-count": "2"}
    replays = ["idempotent-replayed" in gateway.send(one).headers for one in (RETRY, second, RETRY)]
    assert replays == [True, True, False]


@pytest.mark.parametrize(("seconds", "is_joined"), [(119, True), (121, False)])
def test_retry_finds_an_edit_that_has_just_ended(gateway, seconds, is_joined):
    gateway.answer(delay=SLOW)
    gateway.send(FIRST)
    gateway.clock.advance(seconds)
    assert ("idempotent-replayed" in gateway.send(RETRY).headers) == is_joined


def test_table_that_hangs_delays_no_edit_of_an_sdk(gateway):
    gateway.answer(delay=SLOW)
    gateway.orders.hang()
    assert gateway.send(FIRST).status == 200
    assert gateway.orders.orders == {}
    gateway.orders.resume()


def test_table_that_hangs_delays_no_first_byte(gateway):
    may_answer = threading.Event()
    gateway.answer(may_start=may_answer)
    gateway.orders.hang()
    event = form_event(FIELDS, {**FIRST, "x-stainless-read-timeout": "1"})
    handler = build_handler(gateway.services, lambda: None, telemetry())
    body = handler(event, lambda_context())["body"]
    assert next(body) == b" "
    assert gateway.orders.orders == {}
    gateway.orders.resume()
    may_answer.set()
    assert list(body)[-1].startswith(b"{")
