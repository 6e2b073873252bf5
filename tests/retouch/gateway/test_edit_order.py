"""Tests of orders of edits through the real handler: repetitions get the same answer and buy nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import pytest

from retouch.core.clock import SystemClock
from retouch.orders.abandoned import sweep
from retouch.orders.stores import OrderStores
from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import Upstream, json_response

IMAGE = photo(64, 64)
FIELDS = {"model": "gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
KEY = {"Idempotency-Key": '"order-4711"'}
FIRST, RETRY = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
SLOW = 0.6  # seconds, longer than an edit that is not written
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}


class Gateway:
    """A gateway with one provider and a table of orders."""

    def __init__(self, upstream, clock=None, **env):
        self.upstream, self.clock, self.orders = upstream, clock or FakeClock(), InMemoryOrders()
        self.env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **env}
        stores = OrderStores(self.orders, self.orders)
        self.services = build_services(self.env, self.clock, orders=stores)

    def send(self, headers=KEY, fields=FIELDS, seconds=60.0):
        event = form_event(fields, headers)
        return send_event(event, services=self.services, seconds=seconds)

    def answer(self, status=200, body=SUCCESS, delay=0.0, headers=None):
        response = json_response(body, status)
        response.delay = delay
        response.headers.update(headers or {})
        self.upstream.responses[:] = [response]

    @property
    def stored(self):
        (order,) = self.orders.orders.values()
        return order

    def wait_for_call(self):
        while not self.upstream.calls:
            threading.Event().wait(0.01)


@pytest.fixture
def gateway():
    with Upstream(json_response(SUCCESS)) as upstream:
        gateway = Gateway(upstream)
        gateway.answer()
        yield gateway


@pytest.fixture
def real_time_gateway():
    with Upstream(json_response(SUCCESS)) as upstream:
        gateway = Gateway(upstream, SystemClock())
        gateway.answer(delay=SLOW)
        yield gateway


def test_second_request_with_the_same_key_gets_the_same_answer(gateway):
    first, second = gateway.send(), gateway.send()
    assert (first.status, second.status) == (200, 200)
    assert second.json == first.json
    assert len(gateway.upstream.calls) == 1
    own = ("x-request-id", "x-portkey-trace-id", "idempotent-replayed")
    assert {k: v for k, v in first.headers.items() if k not in own} == {
        k: v for k, v in second.headers.items() if k not in own
    }
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["x-retouch-billed"] == "yes"


def test_answer_names_its_order_and_the_end_of_its_validity(gateway):
    response = gateway.send()
    assert response.headers["x-retouch-order"] == gateway.stored.id
    expires = parsedate_to_datetime(response.headers["x-retouch-idempotency-expires"])
    assert int(expires.timestamp()) == gateway.stored.expires
    assert gateway.stored.expires == gateway.clock.unix_time() + 86_400


@pytest.mark.parametrize(("seconds", "calls"), [(86_399, 1), (86_400, 2)])
def test_key_is_valid_until_its_time_and_not_a_second_longer(gateway, seconds, calls):
    gateway.send()
    gateway.clock.advance(seconds)
    assert gateway.send().status == 200
    assert len(gateway.upstream.calls) == calls


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"prompt": "q"}, "prompt"),
        ({"quality": "high"}, "quality"),
        ({"image": file_part(photo(64, 65))}, "image[0]"),
        ({"mask": file_part(box_mask(64, 64))}, "mask"),
    ],
    ids=str,
)
def test_same_key_with_another_request_is_refused_by_the_name_of_the_field(gateway, changes, name):
    gateway.send()
    response = gateway.send(KEY, {**FIELDS, **changes})
    error = response.json["error"]
    assert (response.status, error["code"]) == (422, "idempotency_key_reused")
    assert error["param"] == "Idempotency-Key"
    assert f"'{name}'" in error["message"]
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-retouch-billed"] == "no"
    assert len(gateway.upstream.calls) == 1


def test_same_key_of_another_payer_is_another_order(gateway):
    for key in ("sk-one", "sk-two"):
        response = gateway.send({**KEY, "Authorization": f"Bearer {key}"})
        assert "idempotent-replayed" not in response.headers
    assert len(gateway.upstream.calls) == 2


def test_dry_run_ignores_the_key(gateway):
    response = gateway.send(KEY, {**FIELDS, "dry_run": "true"})
    assert response.status == 200
    assert gateway.orders.orders == {}


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a, b"])
def test_invalid_key_is_refused(gateway, key):
    response = gateway.send({"Idempotency-Key": key})
    assert (response.status, response.json["error"]["code"]) == (400, "invalid_idempotency_key")
    assert gateway.upstream.calls == []


def test_two_header_lines_with_keys_are_refused(gateway):
    event = form_event(FIELDS, {"Idempotency-Key": "b"})
    event["multiValueHeaders"] = {name: [value] for name, value in event["headers"].items()} | {
        "Idempotency-Key": ["a", "b"]
    }
    response = send_event(event, services=gateway.services)
    assert response.json["error"]["code"] == "invalid_idempotency_key"


def test_free_failure_opens_the_order_for_another_try(gateway):
    gateway.answer(429, {"error": {}}, headers={"retry-after": "60"})
    first = gateway.send()
    assert (first.status, first.headers["x-retouch-billed"]) == (429, "no")
    assert gateway.stored.state == "open"
    gateway.answer()
    second = gateway.send()
    assert second.status == 200
    assert "idempotent-replayed" not in second.headers
    assert gateway.stored.attempt == 2


def test_failure_that_may_be_billed_is_replayed(gateway):
    gateway.answer(500, {"error": {}})
    first = gateway.send()
    gateway.answer()
    second = gateway.send()
    assert (first.status, first.headers["x-retouch-billed"]) == (502, "unknown")
    assert (second.status, second.json) == (502, first.json)
    assert second.headers["x-should-retry"] == "false"
    assert len(gateway.upstream.calls) == 1


def test_refused_request_opens_the_order_and_calls_nobody(gateway):
    response = gateway.send(KEY, {**FIELDS, "n": "0"})
    assert response.status == 400
    assert gateway.stored.state == "open"


def test_twenty_equal_requests_at_once_buy_once(real_time_gateway):
    gateway = real_time_gateway
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: gateway.send(), range(20)))
    assert [one.status for one in responses] == [200] * 20
    assert all(one.json == responses[0].json for one in responses)
    assert sum("idempotent-replayed" in one.headers for one in responses) == 19
    assert len(gateway.upstream.calls) == 1


def test_request_that_does_not_wait_is_told_that_the_order_runs(real_time_gateway):
    gateway = real_time_gateway
    first = threading.Thread(target=gateway.send)
    first.start()
    gateway.wait_for_call()
    response = gateway.send({**KEY, "Prefer": "respond-async, wait=0"})
    first.join()
    assert (response.status, response.json["error"]["code"]) == (409, "order_in_progress")
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["retry-after"] == "5"
    assert len(gateway.upstream.calls) == 1


def test_table_that_fails_lets_nothing_be_bought_with_a_key(gateway):
    gateway.orders.is_down = True
    response = gateway.send()
    assert (response.status, response.json["error"]["code"]) == (503, "orders_unavailable")
    assert response.headers["x-should-retry"] == "true"
    assert gateway.upstream.calls == []
    assert gateway.send({}).status == 200
    gateway.orders.is_down = False
    assert gateway.send().status == 200


def test_table_that_fails_at_the_send_mark_lets_nothing_be_bought(gateway):
    write = gateway.orders.write

    def fail_at_mark(order, replaces):
        gateway.orders.is_down = order.state == "sent"
        return write(order, replaces)

    gateway.orders.write = fail_at_mark
    assert gateway.send().status == 503
    assert gateway.upstream.calls == []


def test_gateway_without_a_table_refuses_a_key():
    with Upstream(json_response(SUCCESS)) as upstream:
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url}
        response = send_event(form_event(FIELDS, KEY), services=build_services(env))
    assert (response.status, response.json["error"]["code"]) == (503, "orders_unavailable")
    assert response.headers["x-should-retry"] == "false"
    assert upstream.calls == []


def test_required_table_that_fails_refuses_a_request_without_a_key():
    with Upstream(json_response(SUCCESS)) as upstream:
        gateway = Gateway(upstream, RETOUCH_ORDERS="require")
        assert gateway.send({}).status == 200
        gateway.orders.is_down = True
        assert gateway.send({}).status == 503
        assert len(upstream.calls) == 1


def crash_after(gateway, step, fields=FIELDS):
    """Run a request up to a step, and let its process end there. Its lease is over afterwards."""

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    write, put = gateway.orders.write, gateway.orders.put

    def write_or_die(order, replaces):
        written = write(order, replaces)
        return die() if order.state == step else written

    gateway.orders.write = write_or_die
    gateway.orders.put = die if step == "answer" else put
    with pytest.raises(Killed):
        gateway.send(KEY, fields)
    gateway.orders.write, gateway.orders.put = write, put
    gateway.clock.advance(200)


def test_order_that_crashed_before_the_send_mark_is_taken_over(gateway):
    crash_after(gateway, "accepted")
    assert gateway.send().status == 200
    assert len(gateway.upstream.calls) == 1


@pytest.mark.parametrize("step", ["sent", "answer"])
def test_order_that_crashed_after_the_send_mark_is_unknown_and_not_bought_again(gateway, step):
    crash_after(gateway, step)
    calls = len(gateway.upstream.calls)
    for _ in range(2):
        response = gateway.send()
        error = response.json["error"]
        assert (response.status, error["code"]) == (502, "order_outcome_unknown")
        assert response.headers["x-retouch-billed"] == "unknown"
        assert response.headers["x-should-retry"] == "false"
    assert len(gateway.upstream.calls) == calls


def test_order_that_crashed_after_its_answer_was_stored_gives_the_answer(gateway):
    crash_after(gateway, "done")
    gateway.orders.orders = {
        key: order for key, order in gateway.orders.orders.items() if order.state != "done"
    } or gateway.orders.orders
    assert gateway.send().headers["idempotent-replayed"] == "true"
    assert len(gateway.upstream.calls) == 1


def test_sweeper_settles_a_crashed_order(gateway):
    crash_after(gateway, "sent")
    assert sweep(gateway.orders, gateway.orders, gateway.clock.unix_time()) == {"unknown": 1}
    assert sweep(gateway.orders, gateway.orders, gateway.clock.unix_time()) == {}


def test_retry_of_an_sdk_gets_the_answer_of_its_first_try(gateway):
    gateway.answer(delay=SLOW)
    first, retry = gateway.send(FIRST), gateway.send(RETRY)
    assert (first.status, retry.status) == (200, 200)
    assert retry.json == first.json
    assert retry.headers["idempotent-replayed"] == "true"
    assert len(gateway.upstream.calls) == 1


def test_retry_of_an_sdk_waits_for_its_first_try(real_time_gateway):
    gateway = real_time_gateway
    gateway.answer(delay=2.0)
    first = threading.Thread(target=gateway.send, args=[FIRST])
    first.start()
    gateway.wait_for_call()
    threading.Event().wait(SLOW)  # the order is written a quarter of a second after the start
    retry = gateway.send(RETRY)
    first.join()
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


def test_edit_that_ends_at_once_and_edit_of_another_client_are_not_written(gateway):
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


def direct_event(**fields):
    return {
        "model": "gpt-image-2",
        "prompt": "p",
        "images": [f"data:image/png;base64,{b64(IMAGE)}"],
        **fields,
    }


def test_direct_invoke_that_is_delivered_twice_buys_once(gateway):
    first, second = (
        send_event(direct_event(idempotency_key="order-1"), services=gateway.services)
        for _ in range(2)
    )
    assert second.json["data"] == first.json["data"]
    assert second.json["retouch"]["idempotent-replayed"] == "true"
    assert second.json["retouch"]["order"] == first.json["retouch"]["order"]
    assert len(gateway.upstream.calls) == 1


@pytest.mark.parametrize("key", ["", 7, "a\nb"])
def test_direct_invoke_with_an_invalid_key_is_refused(gateway, key):
    response = send_event(direct_event(idempotency_key=key), services=gateway.services)
    assert response.json["error"]["code"] == "invalid_idempotency_key"
    assert response.json["error"]["param"] == "idempotency_key"


def test_direct_invoke_and_http_request_with_the_same_key_are_two_orders(gateway):
    gateway.send({"Idempotency-Key": "order-1"})
    send_event(direct_event(idempotency_key="order-1"), services=gateway.services)
    assert len(gateway.upstream.calls) == 2
