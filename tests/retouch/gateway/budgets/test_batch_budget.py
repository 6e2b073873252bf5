"""Batches under a budget: the whole batch is refused before anything is bought, or the lines that fit are bought."""

import pytest

from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from tests.support.batches import BatchGateway, batch_line
from tests.support.upstream import Upstream

KEY = {"Authorization": "Bearer rt_" + "a" * 43}
CENTS_20 = "openai/gpt-image-2=0.20"


def key_with_room(dollars, **workspace):
    limit = UsageLimit("cost", round(dollars * 1_000_000))
    shop = Workspace(id="ws_1", slug="shop", name="shop", **workspace)
    return GatewayKey(id="k_1", name="app", workspace=shop, usage_limits=(limit,))


def gateway_with_room(upstream, dollars, **workspace):
    return BatchGateway(
        upstream,
        gateway_key=key_with_room(dollars, **workspace),
        RETOUCH_AUTH_MODE="keys",
        RETOUCH_CEILINGS=CENTS_20,
    )


@pytest.fixture
def upstream():
    with Upstream() as server:
        yield server


def lines_of(count):
    return [batch_line(number) for number in range(count)]


def test_batch_that_may_cost_more_than_the_budget_fails_with_both_amounts(upstream):
    gateway = gateway_with_room(upstream, 2.0)
    batch = gateway.run(gateway.create(lines_of(11), KEY), KEY)
    assert batch["status"] == "failed"
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["line"]) == ("budget_exceeded", None)
    assert "$2.20" in error["message"]
    assert "$2.00" in error["message"]
    assert upstream.calls == []
    assert gateway.orders.orders == {}


def test_batch_that_fits_is_bought_whole(upstream):
    gateway = gateway_with_room(upstream, 2.0)
    batch = gateway.run(gateway.create(lines_of(10), KEY), KEY)
    assert batch["request_counts"] == {"total": 10, "completed": 10, "failed": 0}
    again = gateway.run(gateway.create(lines_of(1), KEY), KEY)
    assert again["errors"]["data"][0]["code"] == "budget_exceeded"
    assert len(upstream.calls) == 10


def test_partial_batch_buys_exactly_the_lines_that_fit(upstream):
    gateway = gateway_with_room(upstream, 6.0)
    metadata = {"retouch_partial": "true"}
    batch = gateway.run(gateway.create(lines_of(100), KEY, metadata=metadata), KEY)
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 100, "completed": 30, "failed": 70}
    errors = gateway.results(batch["error_file_id"]).values()
    assert {line["error"]["code"] for line in errors} == {"budget_exceeded"}
    assert len(upstream.calls) == 30
    row = gateway.budgets.rows["key#k_1", "all"]
    assert (row.spent, dict(row.holds)) == (6_000_000, {})


def test_batch_is_counted_at_the_price_of_the_workspace(upstream):
    gateway = gateway_with_room(upstream, 2.0, price=WorkspacePrice(multiplier=2_000_000))
    batch = gateway.run(gateway.create(lines_of(6), KEY), KEY)
    assert batch["errors"]["data"][0]["code"] == "budget_exceeded"
    assert "$2.40" in batch["errors"]["data"][0]["message"]


def test_table_of_budgets_that_is_down_delays_the_batch_and_buys_nothing(upstream):
    gateway = gateway_with_room(upstream, 2.0)
    identifier = gateway.create(lines_of(2), KEY)
    gateway.budgets.is_down = True
    assert not gateway.step()
    assert gateway.get_batch(identifier, KEY)["status"] == "validating"
    gateway.budgets.is_down = False
    assert gateway.run(identifier, KEY)["request_counts"]["completed"] == 2


def test_free_edits_need_no_room(upstream):
    gateway = gateway_with_room(upstream, 0.01)
    body = {"model": "local/erase", "images": [{"image_url": "https://example.com/a.png"}]}
    gateway.create([batch_line(0, body=body)], KEY)
    gateway.step()
    assert len(gateway.lines.messages) == 1
