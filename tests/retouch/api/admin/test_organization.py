"""Tests of OpenAI's usage routes."""

import pytest

from retouch.usage.event import SECONDS_PER_DAY, start_of_day
from tests.support.tenants import AdminApi
from tests.support.usage import InMemoryUsage, make_event

TODAY = start_of_day("2026-11-22")
FIRST = TODAY - 9 * SECONDS_PER_DAY


class Organization(AdminApi):
    """An admin API with two workspaces and a table of usage."""

    def __init__(self, folder):
        super().__init__(folder, usage_store=InMemoryUsage())
        self.shop, self.cafe = self.workspace("shop"), self.workspace("cafe")


@pytest.fixture
def api(tmp_path):
    return Organization(tmp_path)


def _add(api, day, workspace=None, **fields):
    values = {"time": FIRST + day * SECONDS_PER_DAY, "order": f"ord_{day}", **fields}
    api.services.usage.write_event(make_event(workspace=workspace or api.shop, **values))


def _get(api, path, query="", **options):
    answer = api.call("GET", f"/v1/organization/{path}?start_time={FIRST}&{query}", **options)
    assert answer.status == 200, answer.text
    return answer.json


def test_costs_are_daily_buckets_in_dollars_with_the_price_beside(api):
    _add(api, 0, cost=41_200, price=50_000)
    _add(api, 2, cost=1, price=2)
    page = _get(api, "costs", f"end_time={TODAY}&limit=180")
    assert (page["object"], page["has_more"], page["next_page"]) == ("page", False, None)
    assert len(page["data"]) == 9
    first = page["data"][0]
    assert (first["object"], first["end_time"] - first["start_time"]) == ("bucket", SECONDS_PER_DAY)
    (result,) = first["results"]
    assert result["amount"] == {"value": 0.0412, "currency": "usd"}
    assert result["price"] == {"value": 0.05, "currency": "usd"}
    assert result["project_id"] is result["line_item"] is None
    assert page["data"][1]["results"] == []
    assert page["data"][2]["results"][0]["amount"]["value"] == 0.000001


def test_pages_follow_each_other_without_gap_or_overlap(api):
    for day in range(10):
        _add(api, day, cost=10**day)
    seen, query = [], f"end_time={TODAY + 1}&limit=3"
    page = _get(api, "costs", query)
    while True:
        seen += [(one["start_time"], bool(one["results"])) for one in page["data"]]
        if not page["has_more"]:
            break
        page = _get(api, "costs", f"{query}&page={page['next_page']}")
    assert seen == [(FIRST + day * SECONDS_PER_DAY, True) for day in range(10)]


@pytest.mark.parametrize(
    "form", ["group_by={}&group_by={}", "group_by[]={}&group_by[]={}", "group_by={},{}"]
)
def test_image_usage_is_grouped_by_several_columns(api, form):
    _add(api, 0, pictures=2)
    _add(api, 0, order="b", pictures=1, model="other")
    _add(api, 0, order="c", workspace=api.cafe, pictures=4)
    page = _get(api, "usage/images", form.format("project_id", "model"))
    results = page["data"][0]["results"]
    assert {(one["project_id"], one["model"], one["images"]) for one in results} == {
        (api.shop, "openai/gpt-image-2", 2),
        (api.shop, "openai/other", 1),
        (api.cafe, "openai/gpt-image-2", 4),
    }
    assert results[0]["object"] == "organization.usage.images.result"
    assert {one["num_model_requests"] for one in results} == {1}


@pytest.mark.parametrize(
    ("group", "value"),
    [("user_id", "ann"), ("api_key_id", "k_one"), ("size", "1024x1024"), ("source", "image.edit")],
)
def test_image_usage_has_each_of_openais_groups(api, group, value):
    _add(api, 0, user="ann")
    (result,) = _get(api, "usage/images", f"group_by={group}")["data"][0]["results"]
    assert result[group] == value


@pytest.mark.parametrize(
    "query",
    [
        "models[]=gpt-image-2",
        "models[]=openai/gpt-image-2",
        "api_key_ids[]=k_one&api_key_ids[]=k_nine",
        "user_ids=ann",
        "sizes=1024x1024",
        "sources=image.edit",
        "project_ids=shop",
    ],
)
def test_image_usage_is_filtered(api, query):
    _add(api, 0, user="ann")
    other = {"model": "b", "key_id": "k", "size": "1x1", "operation": "image.variation"}
    _add(api, 0, order="b", workspace=api.cafe, user="bob", pictures=9, **other)
    (result,) = _get(api, "usage/images", query)["data"][0]["results"]
    assert result["images"] == 1


@pytest.mark.parametrize(("width", "buckets", "seconds"), [("1m", 60, 60), ("1h", 24, 3600)])
def test_buckets_of_minutes_and_hours(api, width, buckets, seconds):
    _add(api, 0)
    page = _get(api, "usage/images", f"bucket_width={width}")
    assert len(page["data"]) == buckets
    assert page["data"][0]["end_time"] == FIRST + seconds
    assert page["data"][0]["results"][0]["images"] == 1


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("costs", "bucket_width=1h", "bucket_width"),
        ("costs", "group_by=colour", "group_by"),
        ("costs", "limit=181", "limit"),
        ("usage/images", "limit=32", "limit"),
        ("usage/images", "bucket_width=1w", "bucket_width"),
        ("usage/images", "end_time=soon", "end_time"),
    ],
)
def test_value_that_openai_does_not_have_is_refused_by_name(api, path, query, param):
    answer = api.call("GET", f"/v1/organization/{path}?start_time={FIRST}&{query}")
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


def test_start_time_is_required(api):
    answer = api.call("GET", "/v1/organization/costs")
    assert answer.json["error"]["code"] == "missing_required_parameter"


def test_key_of_a_workspace_gets_its_own_costs(api):
    _add(api, 0, cost=5)
    _add(api, 0, order="b", workspace=api.cafe, cost=7)
    _, key = api.key(api.cafe, scopes=["analytics.view"])
    (result,) = _get(api, "costs", "group_by=project_id", key=key)["data"][0]["results"]
    assert (result["project_id"], result["amount"]["value"]) == (api.cafe, 0.000007)
    answer = api.call("GET", f"/v1/organization/costs?start_time={FIRST}&project_ids=shop", key=key)
    assert answer.status == 404
