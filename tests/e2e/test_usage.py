"""Usage from edits to invoices over real sockets, with the SDKs of OpenAI and Portkey as clients."""

import gzip
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import openai
import pytest
import requests
from portkey_ai import Portkey

from devserver.server import DevServer
from tests.support.images import b64, photo
from tests.support.upstream import Upstream, json_response
from tests.support.waits import wait_until

ADMIN_KEY = "rt_" + "M" * 43
IMAGE = photo(64, 64)
SCOPES = [
    "completions.write",
    "analytics.view",
    "logs.view",
    "logs.list",
    "logs.write",
    "logs.export",
]


def _success(output_tokens):
    usage = {
        "input_tokens": 351,
        "input_tokens_details": {"text_tokens": 34, "image_tokens": 317},
        "output_tokens": output_tokens,
    }
    data = [{"b64_json": b64(IMAGE)}]
    return json_response({"created": 1, "size": "1024x1024", "usage": usage, "data": data})


def to_micro(dollars):
    """Return an amount in micro-dollars. No digit of it is lost."""
    amount = Decimal(str(dollars)) * 1_000_000
    assert amount == int(amount)
    return int(amount)


def _yesterday():
    return int(time.time()) - 86_400


class Shop:
    """A gateway whose operator sells edits to one customer."""

    def __init__(self, url, provider):
        self.url, self.provider = url, provider
        price = {"multiplier": 1.2, "per_picture_usd": 0.01}
        self.workspace = self.admin("POST", "admin/workspaces", {"name": "shop", "price": price})[
            "id"
        ]
        fields = {"name": "till", "workspace_id": self.workspace, "scopes": SCOPES}
        self.key = self.admin("POST", "api-keys/workspace/service", fields)["key"]
        self.openai = openai.OpenAI(base_url=f"{url}/v1", api_key=self.key, max_retries=0)
        self.portkey = Portkey(base_url=f"{url}/v1", api_key=self.key)
        now = datetime.now(UTC)
        self.span = {
            "time_of_generation_min": (now - timedelta(hours=1)).isoformat(),
            "time_of_generation_max": (now + timedelta(hours=1)).isoformat(),
        }

    def admin(self, method, path, body=None, key=ADMIN_KEY):
        headers = {"Authorization": f"Bearer {key}"}
        answer = requests.request(
            method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30
        )
        assert answer.ok, answer.text
        return answer.json()

    def edit(self, **options):
        """Make an edit, and return its cost in micro-dollars as the header says it."""
        answer = self.openai.images.with_raw_response.edit(
            model="gpt-image-2", image=IMAGE, prompt="p", **options
        )
        return answer, to_micro(answer.headers["x-retouch-cost-usd"])

    def logs(self, workspace):
        """Return the logs of a workspace, as the operator sees them."""
        query = urlencode({**self.span, "workspace_slug": workspace})
        return self.admin("GET", f"logs?{query}")["data"]

    def wait_for_requests(self, number):
        """Wait until the events of this many requests are written, which happens beside the responses."""
        graphs: Any = self.portkey.analytics.graphs
        wait_until(lambda: graphs.requests(**self.span).summary["total"] >= number)


@pytest.fixture(scope="module")
def provider():
    with Upstream(_success(1056)) as server:
        yield server


@contextmanager
def run_shop(provider):
    env = {
        "RETOUCH_AUTH_MODE": "keys",
        "RETOUCH_ADMIN_KEY": ADMIN_KEY,
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
    }
    with DevServer(env=env, workers=2, s3=True) as running:
        yield Shop(running.url, provider)


@pytest.fixture(scope="module")
def shop(provider):
    with run_shop(provider) as running:
        yield running


@pytest.fixture(scope="module")
def costs(shop, provider):
    """Make five edits and two failures, and return the costs of the headers in micro-dollars."""
    costs = []
    for output_tokens in (1056, 1057, 3001, 272, 6240):
        provider.responses[:] = [_success(output_tokens)]
        costs.append(
            shop.edit(user="ann", extra_headers={"x-portkey-trace-id": f"t-{output_tokens}"})[1]
        )
    provider.responses[:] = [json_response({"error": {"message": "slow down"}}, 429)]
    with pytest.raises(openai.RateLimitError):
        shop.edit()
    with pytest.raises(openai.BadRequestError):
        shop.edit(n=11)
    shop.wait_for_requests(7)
    return costs


def test_cost_graph_of_portkeys_sdk_is_the_sum_of_the_headers(shop, costs):
    graph = shop.portkey.analytics.graphs.cost(**shop.span)
    assert round(graph.summary["total"] * 1_000_000) == sum(costs)
    assert round(sum(point["total"] for point in graph.data_points) * 1_000_000) == sum(costs)
    assert len(set(costs)) == 5


def test_costs_of_openais_sdk_are_the_sum_of_the_headers(shop, costs):
    client = openai.OpenAI(base_url=f"{shop.url}/v1", admin_api_key=shop.key, api_key=shop.key)
    start = _yesterday()
    page = client.admin.organization.usage.costs(start_time=start, group_by=["line_item"])
    results: list[Any] = [result for bucket in page.data for result in bucket.results]
    assert round(sum(one.amount.value for one in results) * 1_000_000) == sum(costs)
    images = client.admin.organization.usage.images(start_time=start, group_by=["model", "source"])
    results = [result for bucket in images.data for result in bucket.results]
    (result,) = [one for one in results if one.images]
    assert (result.images, result.model, result.source) == (5, "openai/gpt-image-2", "image.edit")


def test_operator_sees_the_cost_beside_the_price_and_the_customer_only_its_price(shop, costs):
    path = f"usage/summary?group_by=model&workspace_slug={shop.workspace}"
    operator, customer = (shop.admin("GET", path, key=key) for key in (ADMIN_KEY, shop.key))
    logs = shop.logs(shop.workspace)
    bought = sorted(to_micro(row["cost"]) for row in logs if row["cost"])
    assert [(cost * 12 + 5) // 10 + 10_000 for cost in bought] == sorted(costs)
    assert to_micro(operator["totals"]["price"]) == sum(costs)
    assert to_micro(operator["totals"]["cost"]) == sum(bought)
    assert to_micro(customer["totals"]["cost"]) == sum(costs)
    assert customer["totals"]["requests"] == 7


def test_headers_log_usage_graphs_and_costs_have_the_same_sum(provider, capfd):
    with run_shop(provider) as shop:
        workspace = shop.admin("POST", "admin/workspaces", {"name": "exact"})["id"]
        fields = {"name": "exact", "workspace_id": workspace, "scopes": SCOPES}
        key = shop.admin("POST", "api-keys/workspace/service", fields)["key"]
        shop.openai = shop.openai.with_options(api_key=key)
        headers = []
        for output_tokens in (1057, 1331, 29):
            provider.responses[:] = [_success(output_tokens)]
            headers.append(shop.edit()[1])
        wait_until(lambda: len(shop.logs(workspace)) >= len(headers))
        logs = shop.logs(workspace)
        query = urlencode({**shop.span, "workspace_slug": workspace})
        usage = shop.admin("GET", f"usage/summary?{query}")
        graph = shop.admin("GET", f"analytics/graphs/cost?{query}")
        path = f"organization/costs?start_time={_yesterday()}&project_ids={workspace}"
        buckets = shop.admin("GET", path)["data"]
    log = capfd.readouterr().err.splitlines()
    lines = [json.loads(line) for line in log if '"cost_usd"' in line]
    costs = [result["amount"]["value"] for bucket in buckets for result in bucket["results"]]
    sums = {
        "log": sum(to_micro(line["cost_usd"]) for line in lines),
        "logs": sum(to_micro(row["cost"]) for row in logs),
        "usage": to_micro(usage["totals"]["cost"]),
        "graph": to_micro(graph["summary"]["total"]),
        "costs": sum(map(to_micro, costs)),
    }
    assert sums == dict.fromkeys(sums, sum(headers))
    assert len(set(headers)) == 3


@pytest.mark.parametrize(
    "name",
    [
        "requests",
        "cost",
        "latency",
        "tokens",
        "users",
        "users_requests",
        "errors",
        "errors_rate",
        "errors_stacks",
        "errors_status_codes",
        "requests_rescued",
        "cache_hit_rate",
        "cache_latency",
    ],
)
def test_every_graph_of_portkeys_sdk_has_a_summary_and_points(shop, costs, name):
    graph = getattr(shop.portkey.analytics.graphs, name)(**shop.span)
    assert graph.object == "analytics-graph"
    assert isinstance(graph.summary, dict)
    assert graph.data_points


def test_groups_of_portkeys_sdk(shop, costs):
    models = shop.portkey.analytics.groups.ai_models(**shop.span)
    found = [(one["ai_model"], one["requests"]) for one in models.data]
    assert found == [("openai/gpt-image-2", 6)]
    users = shop.portkey.analytics.groups.users(**shop.span)
    assert users.total == 1
    assert users.data[0]["requests"] == 5


def test_feedback_of_portkeys_sdk_shows_in_its_graphs(shop, costs):
    feedback = shop.portkey.feedback
    first = feedback.create(trace_id="t-1056", value=-5, weight=1.0)
    assert first.status == "success"
    feedback.update(feedback_id=first.feedback_ids[0], value=5)
    both = [{"trace_id": "t-1057", "value": -1, "weight": 0.5}, {"trace_id": "t-272", "value": 1}]
    assert len(feedback.bulk_create(feedbacks=both).feedback_ids) == 2
    graphs: Any = shop.portkey.analytics.graphs
    (model,) = graphs.feedbacks_ai_models(**shop.span).data_points
    average = round((5 - 0.5 + 1) / 2.5, 4)
    assert model == {"ai_model": "openai/gpt-image-2", "total": 3, "avg_weighted_feedback": average}
    assert graphs.feedbacks(**shop.span).summary == {"total": 3}
    assert graphs.feedbacks_weighted(**shop.span).summary == {"avg": average}
    scores = graphs.feedbacks_scores(**shop.span).data_points
    assert scores == [{"score": n, "total": 1} for n in (-1, 1, 5)]


def test_export_of_portkeys_sdk_has_exactly_the_filtered_rows(shop, costs):
    exports = shop.portkey.logs.exports
    made = exports.create(
        filters={**shop.span, "status_code": "200"},
        description="for the accountant",
        requested_data=["id", "trace_id", "cost", "price", "response_status_code"],
    )
    exports.start(export_id=made.id)
    wait_until(lambda: exports.retrieve(export_id=made.id).status == "success")
    found = exports.retrieve(export_id=made.id)
    assert found.total_records == 5
    link = exports.download(export_id=made.id).signed_url
    rows = [
        json.loads(line)
        for line in gzip.decompress(requests.get(link, timeout=30).content).splitlines()
    ]
    assert sum(round(row["cost"] * 1_000_000) for row in rows) == sum(costs)
    assert {row["response_status_code"] for row in rows} == {200}
    assert [one["id"] for one in exports.list().data] == [made.id]


def test_log_of_a_trace_has_the_cost_of_its_edit(shop, costs):
    log = shop.admin("GET", "logs/t-3001", key=shop.key)
    assert round(log["metrics"]["cost"] * 1_000_000) == costs[2]
    order = log["attempts"][0]["order"]
    assert shop.admin("GET", f"logs/{order}", key=shop.key)["id"] == log["id"]


def test_log_that_is_inserted_with_portkeys_sdk_is_found(provider):
    with run_shop(provider) as shop:
        shop.portkey.logs.create(
            request={"url": "https://api.example", "body": {"model": "paint"}},
            response={"status": 200, "response_time": 12},
            metadata={"traceId": "inserted-1"},
        )
        log = shop.admin("GET", "logs/inserted-1", key=shop.key)
    assert log["metrics"]["ai_model"] == "paint"
