"""Tests of the analytics routes of the admin API."""

import json

import pytest

from retouch.usage.event import SECONDS_PER_DAY, format_time, start_of_day
from retouch.usage.query import UsageReader
from tests.support.tenants import AdminApi
from tests.support.usage import InMemoryUsage, make_event

TODAY = start_of_day("2026-11-22")  # of the clock of tests
MONTH = (TODAY - 30 * SECONDS_PER_DAY, TODAY + SECONDS_PER_DAY)
HOURS = (TODAY, TODAY + 12 * 3600)


@pytest.fixture
def store():
    return InMemoryUsage()


@pytest.fixture
def api(tmp_path, store):
    api = AdminApi(tmp_path, usage_store=store)
    api.clock.advance(12 * 3600)
    return api


@pytest.fixture
def shop(api):
    return api.workspace("shop")


@pytest.fixture
def cafe(api):
    return api.workspace("cafe")


def _add(store, workspace, number, **fields):
    values = {"time": TODAY + 60 * number, "order": f"ord_{number}", **fields}
    store.write_event(make_event(workspace=workspace, **values))


def _get(api, path, span=HOURS, key=None, **query):
    first, last = (format_time(moment) for moment in span)
    values = {"time_of_generation_min": first, "time_of_generation_max": last, **query}
    text = "&".join(f"{name}={value}" for name, value in values.items())
    options = {"key": key} if key else {}
    return api.call("GET", f"/v1/analytics/{path}?{text}", **options)


def _graph(api, name, **options):
    answer = _get(api, f"graphs/{name}", **options)
    assert answer.status == 200, answer.text
    assert (answer.json["object"], answer.json["unit"]) == ("analytics-graph", "usd")
    return answer.json["summary"], answer.json["data_points"]


def test_graphs_of_requests_cost_tokens_and_latency(api, store, shop):
    for number, cost in enumerate([41_200, 33_333, 1]):
        _add(store, shop, number, cost=cost, price=2 * cost, ms=1000 * (number + 1))
    _add(store, shop, 200, cost=0, price=0, ms=4000, is_final=False)
    assert _graph(api, "requests")[0] == {"total": 3}
    summary, points = _graph(api, "cost")
    assert summary == {"total": 0.074534, "avg": 0.024845, "price": 0.149068}
    assert len(points) == 12
    assert points[0] == {"timestamp": "2026-11-22T00:00:00.000Z", **summary}
    assert sum(point["total"] for point in points) == summary["total"]
    tokens = 40 + 300 + 1056
    assert _graph(api, "tokens")[0] == {"total": 4 * tokens, "avg": round(4 * tokens / 3)}
    latency, points = _graph(api, "latency")
    assert latency["avg"] == 2500
    assert latency["p50"] <= latency["p90"] <= latency["p99"] < 5000
    assert {*points[0]} == {"timestamp", "avg", "p50", "p90", "p99"}


def test_graphs_of_users_count_requests_and_different_users(api, store, shop):
    for number, user in enumerate(["ann", "ann", "bob", ""]):
        _add(store, shop, number, user=user)
    assert _graph(api, "users")[0] == {"total": 2}
    assert _graph(api, "users/requests")[0] == {"total": 3, "unique": 2, "avg": 1.5}


def test_graphs_of_errors_count_requests_and_not_attempts(api, store, shop):
    for number, status in enumerate([200, 429, 429, 502]):
        _add(store, shop, number, status=status)
    _add(store, shop, 9, status=429, is_final=False)
    assert _graph(api, "errors")[0] == {"total": 3}
    assert _graph(api, "errors/rate")[0] == {"rate": 75}
    stacks = _graph(api, "errors/stacks")[1][0]["stats"]
    assert stacks == [
        {"response_status_code": 429, "count": 2},
        {"response_status_code": 502, "count": 1},
    ]
    summary, points = _graph(api, "errors/status-codes")
    assert summary == {"total_errors": 3, "unique_error_codes": 2}
    assert points == [{"status_code": 429, "count": 2}, {"status_code": 502, "count": 1}]


def test_graph_of_rescued_requests(api, store, shop):
    for number, rescue in enumerate(["retry-1", "retry-1", "retry-3", "fallback", ""]):
        _add(store, shop, number, rescue=rescue)
    summary, points = _graph(api, "requests/rescued")
    assert summary == {"retry": 3, "fallback": 1}
    assert points[0]["retry"] == [
        {"retry_success_count": 1, "count": 2},
        {"retry_success_count": 3, "count": 1},
    ]


def test_cache_graphs_and_summary(api, store, shop):
    for number, (cache, cost, ms) in enumerate(
        [("MISS", 40_000, 10_000), ("MISS", 60_000, 30_000), ("HIT", 0, 1000), ("HIT", 0, 3000)]
    ):
        _add(store, shop, number, cache=cache, cost=cost, ms=ms)
    summary, points = _graph(api, "cache/hit-rate")
    assert summary == {"total": 2, "rate": 50}
    assert points[-1]["cumulative_simple_cache_savings"] == 0.1
    assert points[0]["simple_hits"] == 2
    assert _graph(api, "cache/latency")[1][0]["avg"] == 2000
    answer = _get(api, "summary/cache").json
    assert answer["object"] == "analytics-summary"
    assert answer["summary"] == {
        "hits": 2,
        "avg_latency": 2000,
        "total_requests": 4,
        "cache_speedup": 90,
    }


@pytest.mark.parametrize(
    ("group", "label", "values"),
    [
        ("users", "user", ["ann", "bob"]),
        ("ai-models", "ai_model", ["openai/gpt-image-2", "google/nano"]),
        ("api-keys", "api_key_id", ["k_one", "k_two"]),
        ("metadata/team", "metadata_value", ["red", "blue"]),
        ("status-codes", "status_code", ["200", "429"]),
    ],
)
def test_group_lists_its_values_with_the_largest_cost_first(api, store, shop, group, label, values):
    _add(store, shop, 1, user="ann", metadata={"team": "red"}, cost=50_000)
    other = {"provider": "google", "model": "nano", "key_id": "k_two", "status": 429}
    _add(store, shop, 2, user="bob", metadata={"team": "blue"}, cost=40_000, **other)
    answer = _get(api, f"groups/{group}").json
    assert (answer["object"], answer["total"]) == ("list", 2)
    assert [item[label] for item in answer["data"]] == values
    assert [item["cost"] for item in answer["data"]] == [0.05, 0.04]
    assert [item["requests"] for item in answer["data"]] == [1, 1]
    second = _get(api, f"groups/{group}", page_size=1, current_page=1).json["data"]
    assert [item[label] for item in second] == values[1:]


def test_unknown_group_is_not_found(api, shop):
    assert _get(api, "groups/colours").status == 404


@pytest.mark.parametrize(
    ("query", "orders"),
    [
        ({"status_code": "429"}, {1}),
        ({"status_code": "200,502"}, {0, 2}),
        ({"virtual_keys": "team"}, {1}),
        ({"configs": "pc-a"}, {2}),
        ({"api_key_ids": "k_two,k_three"}, {1}),
        ({"metadata": json.dumps({"team": "red"})}, {0}),
        ({"ai_org_model": "google__nano"}, {2}),
        ({"ai_org_model": "openai"}, {0, 1}),
        ({"trace_id": "trace-2"}, {2}),
        ({"cost_min": "0.05", "cost_max": "0.07"}, {1}),
        ({"total_units_min": "1397"}, {2}),
        ({"cache_status": "hit"}, {0}),
        ({"workspace_slug": "shop"}, {0, 1, 2}),
        ({"workspace_slug": "cafe"}, set()),
    ],
    ids=str,
)
def test_filter_keeps_only_events_with_its_values(api, store, shop, cafe, query, orders):
    _add(store, shop, 0, metadata={"team": "red"}, cache="HIT", trace="trace-0")
    _add(store, shop, 1, status=429, virtual_key="team", key_id="k_two", cost=60_000, trace="t")
    google = {"provider": "google", "model": "nano"}
    _add(store, shop, 2, status=502, config="pc-a", trace="trace-2", text_in=41, **google)
    assert _graph(api, "requests", **query)[0] == {"total": len(orders)}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"status_code": "4xx"}, "status_code"),
        ({"metadata": "red"}, "metadata"),
        ({"cost_min": "much"}, "cost_min"),
        ({"prompt_slug": "x"}, "prompt_slug"),
        ({"time_of_generation_min": "yesterday"}, "time_of_generation_min"),
        ({"time_of_generation_max": ""}, "time_of_generation_max"),
    ],
)
def test_value_that_is_no_filter_is_refused_by_name(api, shop, query, param):
    answer = _get(api, "graphs/cost", **query)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


def test_points_are_minutes_hours_or_days_by_the_length_of_the_range(api, shop):
    for span, points in [((TODAY, TODAY + 3600), 60), (HOURS, 12), (MONTH, 31)]:
        assert len(_graph(api, "requests", span=span)[1]) == points


def test_key_of_a_workspace_sees_its_own_usage_only(api, store, shop, cafe):
    _add(store, shop, 1)
    _add(store, cafe, 2)
    _, key = api.key(shop, scopes=["analytics.view"])
    assert _graph(api, "requests")[0] == {"total": 2}
    assert _graph(api, "requests", key=key)[0] == {"total": 1}
    assert _get(api, "graphs/requests", key=key, workspace_slug="cafe").status == 404
    summary = api.call("GET", "/v1/usage/summary?group_by=workspace", key=key).json
    assert [item["workspace"] for item in summary["data"]] == [shop]


@pytest.mark.parametrize(
    "path",
    ["analytics/graphs/cost", "analytics/groups/users", "usage/summary", "organization/costs"],
)
def test_key_without_the_scope_is_refused(api, shop, path):
    _, key = api.key(shop, scopes=["logs.view"])
    answer = api.call("GET", f"/v1/{path}", key=key)
    assert (answer.status, answer.json["error"]["code"]) == (403, "insufficient_scope")
    assert "analytics.view" in answer.json["error"]["message"]


def test_range_with_too_many_events_is_refused(api, store, shop, monkeypatch):
    monkeypatch.setattr(UsageReader.__init__, "__defaults__", (3,))
    for number in range(5):
        _add(store, shop, number)
    answer = _get(api, "graphs/users")
    assert (answer.status, answer.json["error"]["code"]) == (400, "range_too_large")
    assert "/v1/logs/exports" in answer.json["error"]["message"]


def test_summary_has_cost_price_and_risk_by_any_columns(api, store, shop, cafe):
    _add(store, shop, 1, cost=100, price=120)
    _add(store, shop, 2, cost=10, price=12, at_risk=12, model="other")
    _add(store, cafe, 3, cost=1, price=1, pictures=3)
    answer = api.call("GET", "/v1/usage/summary?group_by=workspace,model").json
    assert (answer["object"], answer["unit"]) == ("usage.summary", "usd")
    totals = answer["totals"]
    assert (totals["cost"], totals["price"], totals["at_risk"]) == (0.000111, 0.000133, 0.000012)
    assert [(item["workspace"], item["model"], item["price"]) for item in answer["data"]] == [
        (shop, "gpt-image-2", 0.00012),
        (shop, "other", 0.000012),
        (cafe, "gpt-image-2", 0.000001),
    ]
    assert api.call("GET", "/v1/usage/summary?group_by=prompt").status == 400


def test_usage_of_a_deleted_workspace_is_still_counted(api, store, shop):
    _add(store, shop, 1, cost=100)
    assert api.call("DELETE", f"/v1/admin/workspaces/{shop}").status == 200
    summary = api.call("GET", "/v1/usage/summary?group_by=workspace").json
    assert [item["workspace"] for item in summary["data"]] == [shop]
    named = api.call("GET", f"/v1/usage/summary?workspace_slug={shop}").json
    assert named["totals"]["cost"] == 0.0001


def test_gateway_without_a_table_of_usage_says_so(tmp_path):
    answer = _get(AdminApi(tmp_path), "graphs/cost")
    assert (answer.status, answer.json["error"]["code"]) == (503, "usage_unavailable")


def test_table_that_cannot_be_used_is_503(api, store, shop):
    store.is_down = True
    answer = _get(api, "graphs/cost")
    assert (answer.status, answer.json["error"]["code"]) == (503, "usage_unavailable")
