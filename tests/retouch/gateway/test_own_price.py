"""A workspace with a price of its own sees that price wherever others see the cost of the provider."""

import json
from dataclasses import replace

import pytest

from retouch.tenants.limits import WorkspacePrice
from tests.support.budget_gateway import IMAGE, KEY, USAGE, make_key, run_gateway
from tests.support.events import proxy_event
from tests.support.gateway_client import send_event
from tests.support.images import b64
from tests.support.upstream import sse_response

PRICE = WorkspacePrice(multiplier=1_500_000, per_picture=10_000)
COST, CHARGED = "0.04119", "0.071785"  # 0.04119 x 1.5 + 0.01
IDEMPOTENT = {"Idempotency-Key": '"order-1"'}


@pytest.fixture(params=[500_000, None], ids=["budget", "no budget"])
def gateway(request):
    with run_gateway(make_key(limit=request.param, price=PRICE), RETOUCH_BUCKET="b") as gateway:
        yield gateway


def test_header_of_an_edit_and_of_its_replay_is_the_price(gateway):
    for _ in range(2):
        response = gateway.edit(IDEMPOTENT)
        assert response.headers["x-retouch-cost-usd"] == CHARGED
        assert COST not in json.dumps(dict(response.headers))


def test_order_keeps_the_cost_for_the_operator_and_tells_its_caller_the_price(gateway):
    gateway.edit(IDEMPOTENT)
    (order,) = gateway.orders.orders.values()
    assert (order.cost, order.cost_usd) == (COST, float(CHARGED))


def test_finished_image_of_a_stream_has_the_price(gateway):
    completed = {"type": "image_edit.completed", "b64_json": b64(IMAGE), "usage": USAGE}
    gateway.upstream.responses[:] = [sse_response(completed)]
    response = gateway.edit(IDEMPOTENT, stream="true")
    assert response.frames[-1][1]["retouch"]["cost-usd"] == CHARGED
    (order,) = gateway.orders.orders.values()
    assert (order.cost, order.cost_usd) == (COST, float(CHARGED))


def test_dry_run_expects_the_price(gateway):
    expected = gateway.edit(dry_run="true").json["cost_usd"]
    gateway.key = make_key(limit=None)
    cost = gateway.edit(dry_run="true").json["cost_usd"]
    assert expected == round(cost * 1.5 + 0.01, 6)


def test_models_have_the_price_in_both_places(gateway):
    event = proxy_event(
        headers={"authorization": f"Bearer {KEY}"},
        method="GET",
        path="/v1/models/stability-ai%2Fsd3.5-flash",
    )
    model = send_event(event, services=gateway.services).json
    assert model["price"]["picture_usd"] == model["capabilities"]["usd_per_picture"] == 0.0475


def test_key_of_the_organisation_sees_cost_and_price(gateway):
    gateway.key = replace(gateway.key, type="organisation")
    assert gateway.edit().headers["x-retouch-cost-usd"] == COST


def test_caller_who_pays_the_provider_sees_its_cost(gateway):
    gateway.key = make_key(limit=None, price=PRICE)
    headers = {
        "authorization": "Bearer sk-own",
        "x-portkey-api-key": KEY,
        "x-portkey-provider": "openai",
    }
    assert gateway.edit(headers).headers["x-retouch-cost-usd"] == COST


def test_workspace_that_is_charged_nothing_sees_no_cost(gateway):
    gateway.key = make_key(limit=None, price=WorkspacePrice(multiplier=0))
    assert gateway.edit().headers["x-retouch-cost-usd"] == "0"
