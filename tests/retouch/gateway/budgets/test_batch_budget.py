"""Batches under a budget: the whole batch is refused before anything is bought, or the lines that fit are bought."""

from dataclasses import replace

import pytest

from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from tests.support.batches import BatchGateway, batch_line
from tests.support.budget_gateway import make_virtual_key
from tests.support.upstream import Upstream

KEY = {"Authorization": "Bearer rt_" + "a" * 43}
CENTS_20 = "openai/gpt-image-2=0.20"


FREE_KEY = GatewayKey(
    id="k_2", name="free", workspace=Workspace(id="ws_1", slug="shop", name="shop")
)


class Tenants:
    """The tenants of a stack with one gateway key, or None when it was revoked, and virtual keys."""

    def __init__(self, key, **virtual_keys):
        self._key, self._virtual_keys = key, virtual_keys

    def find_key_by_id(self, key_id):
        return self._key

    def find_virtual_key(self, workspace_id, slug):
        return self._virtual_keys.get(slug)

    def read_secret(self, record):
        return "sk-shop"


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


@pytest.mark.parametrize("room", [2.19, 2.2])
def test_batch_needs_room_in_the_budget_of_its_virtual_key(upstream, room):
    gateway = BatchGateway(
        upstream,
        gateway_key=FREE_KEY,
        RETOUCH_AUTH_MODE="keys",
        RETOUCH_CEILINGS=CENTS_20,
    )
    record = make_virtual_key("shop", (UsageLimit("cost", round(room * 1_000_000)),))
    gateway.services = replace(gateway.services, tenants=Tenants(FREE_KEY, shop=record))
    headers = {**KEY, "x-portkey-virtual-key": "shop"}
    batch = gateway.run(gateway.create(lines_of(11), headers), KEY)
    if room == 2.2:
        assert batch["request_counts"]["completed"] == len(upstream.calls) == 11
    else:
        assert batch["errors"]["data"][0]["code"] == "budget_exceeded"
        assert "$2.19" in batch["errors"]["data"][0]["message"]
        assert upstream.calls == []


def test_batch_of_a_key_that_was_revoked_before_its_check_buys_nothing(upstream):
    gateway = gateway_with_room(upstream, 20.0)
    identifier = gateway.create(lines_of(3), KEY)
    gateway.services = replace(gateway.services, tenants=Tenants(None))
    batch = gateway.run(identifier, KEY)
    assert batch["errors"]["data"][0]["code"] == "invalid_api_key"
    assert upstream.calls == []


def test_lines_that_were_not_begun_when_the_key_was_revoked_are_not_bought(upstream):
    gateway = gateway_with_room(upstream, 20.0)
    identifier = gateway.create(lines_of(5), KEY)
    gateway.step()
    gateway.work_on_lines(2)
    gateway.services = replace(gateway.services, tenants=Tenants(None))
    batch = gateway.run(identifier, KEY)
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 3}
    errors = gateway.results(batch["error_file_id"]).values()
    assert {line["error"]["code"] for line in errors} == {"invalid_api_key"}
    assert {line["response"]["status_code"] for line in errors} == {401}
    assert len(upstream.calls) == 2


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
