"""A key of a workspace with a price of its own finds the provider's cost in no answer of the admin API."""

import gzip

import pytest

from retouch.api.admin.routes import ADMIN_ROUTES
from tests.support.admin_logs import QUERY, SPAN, TODAY, Logs
from tests.support.tenants import ADMIN_KEY
from tests.support.usage import make_event

# Numbers that no other value of an answer contains.
COST, PRICE, SHOWN_COST, SHOWN_PRICE = 51_713, 77_731, "0.051713", "0.077731"
SCOPES = [
    "analytics.view",
    "logs.view",
    "logs.list",
    "logs.export",
    "workspaces.list",
    "audit_logs.list",
    "workspace_service_api_keys.list",
    "virtual_keys.list",
    "configs.list",
]
NAMES = {"{group}": "ai-models", "{key}": "team", "{id}": "trace-own", "{slug}": "none"}
SHOWS_MONEY = (
    "/v1/analytics/graphs/cost",
    "/v1/analytics/groups/{group}",
    "/v1/analytics/groups/metadata/{key}",
    "/v1/organization/costs",
    "/v1/usage/summary",
    "/v1/logs",
    "/v1/logs/{id}",
)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    api = Logs(tmp_path_factory.mktemp("tenants"))
    api.store.events.clear()
    price = {"multiplier": 1.371931, "per_picture_usd": 0.006789}
    api.shop = api.workspace("own", price=price)
    _, api.shop_key = api.key(api.shop, scopes=SCOPES)
    event = make_event(
        workspace=api.shop,
        time=TODAY + 9,
        trace="trace-own",
        cost=COST,
        price=PRICE,
        metadata={"team": "red"},
    )
    api.store.write_event(event)
    return api


def _get(api, path, key, query=""):
    for name, value in NAMES.items():
        path = path.replace(name, value)
    span = f"{QUERY}&start_time={TODAY}&end_time={TODAY + 60}"
    return api.call("GET", f"{path}?{span}{query}", key=key)


@pytest.mark.parametrize("path", [path for method, path in ADMIN_ROUTES if method == "GET"])
def test_price_stands_in_the_place_of_the_cost(api, path):
    shown = _get(api, path, api.shop_key)
    assert SHOWN_COST not in shown.text
    assert "1.371931" not in shown.text
    assert "0.006789" not in shown.text
    if path in SHOWS_MONEY:
        assert SHOWN_PRICE in shown.text
        assert SHOWN_COST in _get(api, path, ADMIN_KEY).text


def test_own_workspace_is_shown_without_the_rule_of_its_price(api):
    path = f"/v1/admin/workspaces/{api.shop}"
    assert api.call("GET", path, key=api.shop_key).json["price"] is None
    assert api.call("GET", path).json["price"]["multiplier"] == 1.371931


def test_filter_by_cost_compares_the_price(api):
    found = _get(api, "/v1/logs", api.shop_key, f"&cost_min={SHOWN_PRICE}")
    assert found.json["total"] == 1


def test_export_has_what_its_maker_may_see(api):
    for key, amount in ((api.shop_key, SHOWN_PRICE), (ADMIN_KEY, SHOWN_COST)):
        body = {"filters": SPAN, "requested_data": ["cost"]}
        made = api.post("/exports", body, key=key).json["id"]
        assert api.post(f"/exports/{made}/start", key=key).status == 200
        api.work(api.queue.messages[-1])
        assert amount in gzip.decompress(list(api.files.values())[-1]).decode()


def test_export_of_the_organisation_in_the_same_workspace_is_hidden(api):
    _, operator = api.key(api.shop, kind="organisation/service", scopes=SCOPES)
    made = api.post("/exports", {"filters": {**SPAN, "workspace_slug": "own"}}, key=operator)
    path = f"/exports/{made.json['id']}"
    assert api.get(path, key=operator).status == 200
    assert api.get(path).status == 404
