"""Tests of orders of edits through the real handler: repetitions get the same answer and buy nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import pytest

from retouch.orders.sweeper import sweep
from tests.support.events import form_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.order_gateway import (
    FIELDS,
    IMAGE,
    KEY,
    SUCCESS,
    Gateway,
    crash_after,
)
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response


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


def test_each_caller_of_an_order_gets_the_headers_of_its_own_dialect(gateway):
    plain = gateway.send()
    portkey = gateway.send(headers={**KEY, "x-portkey-debug": "true"})
    again = gateway.send()
    assert portkey.headers["idempotent-replayed"] == "true"
    assert portkey.headers["x-portkey-provider"] == "openai"
    for response in (plain, again):
        assert [name for name in response.headers if name.startswith("x-portkey")] == []


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


def test_reused_key_is_refused_after_one_call_of_the_table_and_before_any_other_work(gateway):
    gateway.send()
    calls = []
    for name in ("read", "write", "put", "get", "add_recent", "recent_orders"):
        method = getattr(gateway.orders, name)

        def record(*args, _name=name, _method=method, **named):
            calls.append(_name)
            return _method(*args, **named)

        setattr(gateway.orders, name, record)

    def work(*_):
        raise AssertionError("a refused request fetches and stores nothing")

    bucket = SimpleNamespace(put=work, read_upload=work, read_object=work, sign=work)
    gateway.services = replace(gateway.services, fetch_image=work, bucket=bucket)
    invalid = file_part(b"no image, which would be refused with 400")
    for fields in (
        {**FIELDS, "prompt": "q", "image": invalid},
        {"model": "gpt-image-2", "prompt": "q", "image": "https://images.example/a.png"},
    ):
        calls.clear()
        assert gateway.send(KEY, fields).status == 422
        assert calls == ["write"]
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


def test_refused_request_is_corrected_with_the_same_key(gateway):
    assert gateway.send(KEY, {**FIELDS, "n": "0"}).status == 400
    assert gateway.send().status == 200
    assert gateway.send(KEY, {**FIELDS, "n": "2"}).status == 422
    assert len(gateway.upstream.calls) == 1


def test_request_that_was_sent_for_nothing_is_not_changed_with_the_same_key(gateway):
    gateway.answer(429, {"error": {}}, headers={"retry-after": "60"})
    gateway.send()
    assert gateway.send(KEY, {**FIELDS, "prompt": "q"}).status == 422


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
    may_answer = threading.Event()
    gateway.answer(may_start=may_answer)
    first = threading.Thread(target=gateway.send)
    first.start()
    gateway.wait_for_call()
    response = gateway.send({**KEY, "Prefer": "handling=lenient, wait=0"})
    may_answer.set()
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
    assert sweep(gateway.stores, None, gateway.clock.unix_time()) == {"unknown": 1}
    assert sweep(gateway.stores, None, gateway.clock.unix_time()) == {}


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
