"""Edits under budgets: what they hold, what they are charged, and what their callers are told."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.core.concurrency.pending_writes import finish_writes
from retouch.orders.reconciliation import Finding
from retouch.tenants.budget_rows import BudgetRow
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from retouch.usage.recorder import UsageRecorder
from tests.support.budget_gateway import (
    IMAGE,
    KEY,
    USAGE,
    make_key,
    make_virtual_key,
    run_gateway,
    success,
)
from tests.support.events import form_event, lambda_context
from tests.support.gateway_client import file_part, telemetry
from tests.support.images import b64, box_mask
from tests.support.upstream import ScriptedResponse, json_response, sse_response
from tests.support.usage import InMemoryUsage
from tools.reconcile import reconcile
from tools.stack import CommandError


@pytest.fixture
def gateway():
    with run_gateway() as gateway:
        yield gateway


def test_edit_holds_its_ceiling_and_is_charged_its_cost(gateway):
    gateway.upstream.responses[0].delay = 0.5
    with ThreadPoolExecutor(1) as pool:
        edit = pool.submit(gateway.edit)
        while not (gateway.upstream.calls or edit.done()):
            threading.Event().wait(0.01)
        assert gateway.row().taken == 200_000
        response = edit.result()
    assert response.status == 200, response.json
    assert gateway.row() == BudgetRow(41_190, 41_190)
    assert response.headers["x-retouch-cost-usd"] == "0.04119"
    assert response.headers["x-retouch-budget-remaining-usd"] == "0.45881"
    assert response.headers["x-retouch-order"].startswith("ord_")
    (order,) = gateway.orders.orders.values()
    assert (order.state, order.charges, order.is_listed) == ("done", (), False)


def test_second_edit_fits_although_two_ceilings_would_not(gateway):
    gateway.key = make_key(limit=250_000)
    assert [gateway.edit().status for _ in range(3)] == [200, 200, 429]
    assert gateway.row() == BudgetRow(82_380, 82_380)


def test_fifty_edits_at_once_buy_as_many_as_there_is_room_for(gateway):
    gateway.key = make_key(concurrency=100)
    gateway.ceilings["openai/gpt-image-2"] = 50_000
    barrier = threading.Barrier(50)

    def edit(_):
        barrier.wait()
        return gateway.edit()

    gateway.upstream.responses[:] = [json_response(success(usage=None))]
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(edit, range(50)))
    refused = [one for one in responses if one.status == 429]
    assert (len(gateway.upstream.calls), len(refused)) == (10, 40)
    for one in refused:
        assert one.json["error"]["code"] == "budget_exceeded"
        assert one.json["error"]["type"] == "insufficient_quota"
        assert one.headers["x-should-retry"] == "false"
        assert one.headers["x-retouch-billed"] == "no"
    assert gateway.row() == BudgetRow(500_000, 500_000)


def test_caller_with_a_header_of_portkeys_gets_its_status(gateway):
    gateway.key = make_key(limit=1)
    response = gateway.edit(headers={"x-portkey-trace-id": "t"})
    assert (response.status, response.json["error"]["code"]) == (412, "budget_exceeded")
    assert response.headers["x-retouch-budget-remaining-usd"] == "0.000001"


@pytest.mark.parametrize(
    "failure",
    [
        json_response({"error": {"message": "overloaded"}}, 503),
        json_response({"error": {"message": "m", "code": "moderation_blocked"}}, 400),
    ],
    ids=["503", "moderated"],
)
def test_free_failure_gives_the_whole_amount_back_before_its_response(gateway, failure):
    gateway.upstream.responses[:] = [failure]
    response = gateway.edit(headers={"x-stainless-retry-count": "0"})
    if response.headers["x-retouch-billed"] == "no":
        assert gateway.row() == BudgetRow()
    else:
        assert gateway.row().at_risk == gateway.row().spent == 200_000


def test_connection_refused_gives_the_whole_amount_back():
    with run_gateway(OPENAI_BASE_URL="http://127.0.0.1:9/v1") as gateway:
        response = gateway.edit()
        assert response.headers["x-retouch-billed"] == "no"
        assert gateway.row() == BudgetRow()


def test_broken_connection_after_the_request_counts_until_it_is_reconciled(gateway):
    gateway.upstream.responses[:] = [ScriptedResponse(network_failure="reset")]
    response = gateway.edit()
    assert response.headers["x-retouch-billed"] == "unknown"
    row = gateway.row()
    assert (row.taken, row.spent, row.at_risk) == (200_000, 200_000, 200_000)
    (order,) = gateway.orders.orders.values()
    now, ledger = gateway.clock.unix_time(), gateway.stores.ledger
    assert reconcile(order.id, Finding("no"), gateway.orders, ledger, now) == "done"
    row = gateway.row()
    assert (row.taken, row.spent, row.at_risk, row.holds) == (0, 0, 0, {})
    with pytest.raises(CommandError, match="outcome is known"):
        reconcile(order.id, Finding("no"), gateway.orders, ledger, now)
    assert gateway.row() == row


def test_cost_above_the_ceiling_is_charged_and_the_next_edit_refused(gateway):
    gateway.key = make_key(limit=250_000)
    usage = {**USAGE, "output_tokens": 13_730}
    gateway.upstream.responses[:] = [json_response(success(usage))]
    assert gateway.edit().status == 200
    assert gateway.row().spent == 411_900
    assert gateway.notices.overruns == [("key#k_1", 211_900)]
    response = gateway.edit()
    assert response.status == 429
    assert response.headers["x-retouch-budget-remaining-usd"] == "0"


def test_workspace_is_charged_its_price(gateway):
    price = WorkspacePrice(multiplier=1_500_000, per_picture=10_000)
    gateway.key = make_key(workspace_limit=1_000_000, price=price)
    assert gateway.edit().status == 200
    for account in ("key#k_1", "ws#w_1"):
        assert gateway.row(account).spent == 71_785  # 41,190 x 1.5 + 10,000


def test_result_without_usage_is_charged_at_the_held_amount(gateway):
    gateway.upstream.responses[:] = [json_response(success(usage=None))]
    gateway.edit()
    assert gateway.row() == BudgetRow(200_000, 200_000)


def test_model_without_a_price_is_refused_under_a_budget(gateway):
    gateway.key = make_key()
    with run_gateway(RETOUCH_CEILINGS="", REKA_API_KEY="k") as priceless:
        response = priceless.edit(model="reka-ai/reka-core")
        assert (response.status, response.json["error"]["code"]) == (400, "price_unknown")
        assert not priceless.budgets.rows


def test_dry_run_and_local_edit_hold_nothing(gateway):
    assert gateway.edit(dry_run="true").status == 200
    assert gateway.edit(model="local/erase", mask=file_part(box_mask(64, 64))).status == 200
    assert gateway.budgets.calls == 0
    assert gateway.orders.orders == {}


def test_key_without_limits_never_touches_the_budgets(gateway):
    gateway.key = make_key(limit=None)
    gateway.budgets.is_down = gateway.orders.is_down = True
    response = gateway.edit()
    assert response.status == 200
    assert "x-retouch-budget-remaining-usd" not in response.headers
    assert gateway.budgets.calls == 0


def test_table_that_is_down_lets_nothing_be_bought(gateway):
    for table in (gateway.budgets, gateway.orders):
        table.is_down = True
        response = gateway.edit()
        assert (response.status, response.json["error"]["code"]) == (503, "budget_unavailable")
        assert response.headers["x-should-retry"] == "true"
        table.is_down = False
    assert gateway.upstream.calls == []


def test_own_provider_key_of_the_caller_costs_no_budget_unless_it_counts(gateway):
    own = {
        "authorization": "Bearer sk-own",
        "x-portkey-api-key": KEY,
        "x-portkey-provider": "openai",
    }
    gateway.key = make_key(limit=1)
    assert gateway.edit(headers=own).status == 200
    gateway.key = make_key(limit=1, budget_own_keys=True)
    assert gateway.edit(headers=own).status == 412


def test_replay_of_an_answer_is_charged_once(gateway):
    key = {"Idempotency-Key": '"order-4711"'}
    assert [gateway.edit(headers=key).status for _ in range(2)] == [200, 200]
    assert gateway.row() == BudgetRow(41_190, 41_190)


def test_keys_of_one_workspace_share_an_order_and_those_of_another_do_not(gateway):
    headers = {"Idempotency-Key": "order-4711"}
    first = gateway.edit(headers)
    gateway.key = replace(gateway.key, id="k_2", name="rotated")
    second = gateway.edit(headers)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json == first.json
    gateway.key = replace(gateway.key, workspace=replace(gateway.key.workspace, id="w_2"))
    third = gateway.edit(headers)
    assert "idempotent-replayed" not in third.headers
    assert len(gateway.upstream.calls) == 2


def test_retry_of_an_sdk_gets_the_image_that_is_paid_for(gateway):
    tries = [gateway.edit(headers={"x-stainless-retry-count": count}) for count in ("0", "1")]
    assert [one.status for one in tries] == [200, 200]
    assert len(gateway.upstream.calls) == 1
    assert gateway.row() == BudgetRow(41_190, 41_190)


def test_cached_result_is_charged_once(gateway):
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    headers = {"x-portkey-config": json.dumps(config)}
    responses = [gateway.edit(headers=headers, model="gpt-image-2") for _ in range(2)]
    assert [one.headers["x-portkey-cache-status"] for one in responses] == ["MISS", "HIT"]
    assert gateway.row() == BudgetRow(41_190, 41_190)


def test_fallback_holds_for_one_target_at_a_time(gateway):
    gateway.key = make_key(limit=250_000)
    targets = [
        {"provider": "openai", "override_params": {"model": m}}
        for m in ("gpt-image-1.5", "gpt-image-2")
    ]
    gateway.ceilings["openai/gpt-image-1.5"] = 200_000
    gateway.upstream.responses[:] = [
        json_response({"error": {"message": "busy"}}, 429),
        json_response(success()),
    ]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    response = gateway.edit(headers={"x-portkey-config": json.dumps(config)})
    assert response.status == 200, response.json
    assert gateway.row() == BudgetRow(41_190, 41_190)


PARTIAL = {"type": "image_edit.partial_image", "b64_json": b64(IMAGE), "partial_image_index": 0}
COMPLETED = {"type": "image_edit.completed", "b64_json": b64(IMAGE)}


@pytest.mark.parametrize(
    ("last", "row"),
    [
        ({**COMPLETED, "usage": USAGE}, BudgetRow(41_190, 41_190)),
        (COMPLETED, BudgetRow(200_000, 200_000)),
    ],
    ids=["usage", "no usage"],
)
def test_stream_whose_client_leaves_is_charged(gateway, last, row):
    gateway.upstream.responses[:] = [sse_response(PARTIAL, last, chunk_interval=0.05)]
    fields = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
    event = form_event(
        {**fields, "stream": "true", "partial_images": "1"}, {"authorization": f"Bearer {KEY}"}
    )
    body = build_handler(gateway.services, lambda: None, telemetry())(event, lambda_context(60.0))[
        "body"
    ]
    assert b"partial_image" in next(body)
    assert gateway.row().taken == 200_000
    body.close()
    assert gateway.row() == row


def test_stream_that_breaks_without_usage_is_at_risk(gateway):
    gateway.upstream.responses[:] = [
        ScriptedResponse(
            headers={"content-type": "text/event-stream"},
            chunks=[f"data: {json.dumps(PARTIAL)}\n\n".encode()],
            network_failure="cut",
        )
    ]
    response = gateway.edit(stream="true", partial_images="1")
    assert response.frames[-1][0] == "error"
    row = gateway.row()
    assert (row.taken, row.at_risk, row.holds) == (200_000, 200_000, {})


def test_virtual_key_without_room_is_skipped_and_the_second_pays(gateway):
    gateway.key = make_key(limit=None)
    gateway.virtual_keys |= {
        "poor": make_virtual_key("poor", (UsageLimit("cost", 100),)),
        "rich": make_virtual_key("rich", (UsageLimit("cost", 1_000_000),)),
    }
    targets = [{"virtual_key": slug} for slug in ("poor", "rich")]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    for _ in range(8):  # more refusals than open a circuit
        response = gateway.edit({"x-portkey-config": json.dumps(config)}, model="gpt-image-2")
        assert response.status == 200, response.json
    keys = {call.headers["authorization"] for call in gateway.upstream.calls}
    assert keys == {"Bearer sk-rich"}
    assert gateway.row("vk#w_1/poor") == BudgetRow()
    assert gateway.row("vk#w_1/rich").spent == 8 * 41_190
    assert set(gateway.services.breaker.states().values()) <= {"closed"}


def test_tokens_count_after_the_edit_and_a_used_limit_refuses(gateway):
    limit = UsageLimit("tokens", 2000, periodic_reset="daily")
    gateway.key = replace(make_key(), usage_limits=(limit,))
    responses = [gateway.edit() for _ in range(3)]
    assert [one.status for one in responses] == [200, 200, 429]
    assert "2000 tokens" in responses[-1].json["error"]["message"]
    assert "x-retouch-budget-remaining-usd" not in responses[-1].headers
    assert gateway.row(period="tokens-2026-11-22").spent == 2 * USAGE["total_tokens"]
    (entry,) = gateway.quota()["limits"]
    assert (entry["type"], entry["taken_tokens"], entry["remaining_tokens"]) == ("tokens", 2746, 0)


def test_change_of_a_limit_refuses_new_edits_and_keeps_those_that_run(gateway):
    gateway.upstream.responses[0].delay = 0.4
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(gateway.edit)
        while not (gateway.upstream.calls or running.done()):
            threading.Event().wait(0.01)
        gateway.key = make_key(limit=1)
        assert gateway.edit().status == 429
        gateway.key = make_key(limit=None)
        assert gateway.edit().status == 200
        assert running.result().status == 200
    assert gateway.row() == BudgetRow(41_190, 41_190)


def test_usage_events_and_budgets_have_the_same_sum(gateway):
    price = WorkspacePrice(multiplier=1_100_000, per_picture=3)
    gateway.key = make_key(limit=None, workspace_limit=10**9, price=price)
    usage = InMemoryUsage()
    recorder = UsageRecorder(usage, lambda _: None, "prod")
    gateway.services = replace(gateway.services, usage=recorder)
    broken = ScriptedResponse(network_failure="reset")
    refusal = json_response({"error": {"message": "busy"}}, 429)
    stream = sse_response({"type": "image_edit.completed", "b64_json": b64(IMAGE), "usage": USAGE})
    outcomes = [success(), success(usage=None), refusal, broken, success()]
    for outcome in outcomes:
        is_body = isinstance(outcome, dict)
        gateway.upstream.responses[:] = [json_response(outcome) if is_body else outcome]
        gateway.edit()
    gateway.upstream.responses[:] = [stream]
    gateway.edit(stream="true")
    finish_writes()
    row, events = gateway.row("ws#w_1"), list(usage.events.values())
    assert sum(event.price for event in events) == row.spent == row.taken
    assert sum(event.at_risk for event in events) == row.at_risk > 0


def test_two_of_four_images_are_charged():
    with run_gateway(STABILITY_API_KEY="k") as gateway:
        gateway.services.settings.environment["STABILITY_BASE_URL"] = gateway.upstream.url
        image = ScriptedResponse(body=IMAGE, headers={"content-type": "image/png"})
        gateway.upstream.responses[:] = [image, image, json_response({"errors": ["busy"]}, 429)]
        response = gateway.edit(model="stability-ai/sd3.5-flash", n="4")
        assert response.status == 200, response.json
        assert len(response.json["data"]) == 2
        assert response.headers["x-retouch-cost-usd"] == "0.05"
        assert gateway.row() == BudgetRow(50_000, 50_000)


def test_edits_before_the_first_usage_limit_do_not_count_in_it(gateway):
    gateway.key = make_key(limit=None, concurrency=2)
    assert [gateway.edit().status for _ in range(2)] == [200, 200]
    gateway.key = make_key(limit=250_000, concurrency=2)
    assert gateway.edit().status == 200
