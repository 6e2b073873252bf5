"""Tests of logs and exports in the admin API, and of the worker that writes an export."""

import gzip
import json
from dataclasses import replace

import pytest

from retouch.gateway.rates.rate_limiter import RateLimiter
from tests.support.admin_logs import ORDERS, QUERY, SCOPES, SPAN, Logs
from tests.support.budgets import InMemoryRates


@pytest.fixture
def api(tmp_path):
    return Logs(tmp_path)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/logs", {"request": {}, "response": {"status": 200}}),
        ("/v1/feedback", {"trace_id": "t", "value": 1}),
    ],
)
def test_writes_of_a_workspace_are_limited_in_a_minute(api, path, body):
    limiter = RateLimiter(InMemoryRates(), api.clock)
    api.services = replace(api.services, open_rates=lambda: limiter)
    statuses = [api.call("POST", path, body, key=api.shop_key).status for _ in range(301)]
    assert (statuses[:300], statuses[300]) == ([200] * 300, 429)
    refused = api.call("POST", path, body, key=api.shop_key)
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert api.call("POST", path, body, key=api.cafe_key).status == 200
    api.clock.advance(60)
    assert api.call("POST", path, body, key=api.shop_key).status == 200


@pytest.mark.parametrize("identifier", [ORDERS[0], f"{ORDERS[0]}.2", "trace-1"])
def test_log_is_found_by_order_attempt_and_trace(api, identifier):
    log = api.get(f"/{identifier}").json
    assert (log["object"], log["id"]) == ("log", f"{ORDERS[0]}.2")
    assert log["response"]["status"] == 200
    assert log["response"]["lastUsedOptionJsonPath"] == "config.targets[1]"
    assert log["request"]["portkeyHeaders"]["x-portkey-trace-id"] == "trace-1"
    attempts = [row["response_status_code"] for row in log["attempts"]]
    assert attempts == ([200] if identifier.endswith(".2") else [429, 200])
    assert log["metrics"]["cost"] == 0.0412


@pytest.mark.parametrize("identifier", [ORDERS[2], "trace-3", "nothing", "ord_x"])
def test_log_of_another_workspace_is_not_found(api, identifier):
    assert api.get(f"/{identifier}").status == 404


def test_logs_are_listed_with_the_latest_first(api):
    answer = api.get(f"?{QUERY}&page_size=2").json
    assert answer["total"] == 3
    assert [row["order"] for row in answer["data"]] == [ORDERS[1], ORDERS[0]]
    filtered = api.get(f"?{QUERY}&status_code=429").json["data"]
    assert [row["code"] for row in filtered] == ["x"]
    assert api.get("").status == 400


def test_inserted_log_counts_as_a_request_without_content_and_cost(api):
    log = {
        "request": {
            "url": "https://api.example/MARKER",
            "provider": "acme",
            "headers": {"authorization": "MARKER"},
            "body": {"model": "paint", "prompt": "MARKER"},
        },
        "response": {"status": 200, "body": {"text": "MARKER"}, "response_time": 123.4},
        "metadata": {"traceId": "mine", "team": "red"},
    }
    (identifier,) = api.post("", log).json["ids"]
    (row,) = api.get("/mine").json["attempts"]
    assert row["id"] == identifier
    assert (row["ai_org"], row["ai_model"], row["response_time"]) == ("acme", "paint", 123)
    assert (row["cost"], row["price"], row["payer"]) == (0, 0, "caller")
    assert row["metadata"] == {"team": "red"}
    assert "MARKER" not in str(api.store.events)


@pytest.mark.parametrize("body", [[], {}, {"response": {"status": "ok"}}, {"response": 1}])
def test_log_of_another_form_is_refused(api, body):
    assert api.post("", body).status == 400


def _lines(data):
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def test_export_has_exactly_the_filtered_rows_and_the_requested_fields(api):
    filters = {**SPAN, "ai_org_model": "openai__gpt-image-2"}
    columns = ["id", "cost", "response_status_code"]
    identifier = api.new_export(filters=filters, requested_data=columns)
    assert api.state(identifier) == "draft"
    assert api.post(f"/exports/{identifier}/start").status == 200
    assert api.state(identifier) == "in_progress"
    assert api.get(f"/exports/{identifier}/download").status == 409
    (message,) = api.queue.messages
    assert api.work(message)
    ((key, data),) = api.files.items()
    assert key == f"exports/ws={api.shop}/dt=2026-11-22/{identifier}.jsonl.gz"
    assert _lines(data) == [
        {"id": f"{ORDERS[0]}.1", "cost": 0, "response_status_code": 429},
        {"id": f"{ORDERS[0]}.2", "cost": 0.0412, "response_status_code": 200},
    ]
    shown = api.get(f"/exports/{identifier}").json
    assert (shown["status"], shown["total_records"]) == ("success", 2)
    assert "/v1/files/" in api.get(f"/exports/{identifier}/download").json["signed_url"]


def test_message_that_comes_twice_writes_the_export_once(api):
    identifier = api.new_export()
    for _ in range(2):
        api.post(f"/exports/{identifier}/start")
    first, second = api.queue.messages
    assert api.work(first)
    api.files.clear()
    assert api.work(second)
    assert api.files == {}


def test_export_that_is_cancelled_is_not_written(api):
    identifier = api.new_export()
    api.post(f"/exports/{identifier}/start")
    assert api.post(f"/exports/{identifier}/cancel").status == 200
    assert api.work(api.queue.messages[0])
    assert (api.files, api.state(identifier)) == ({}, "stopped")
    assert api.post(f"/exports/{identifier}/start").status == 409


def test_export_that_cannot_be_written_is_tried_again_and_then_failed(api):
    identifier = api.new_export()
    api.post(f"/exports/{identifier}/start")
    (message,) = api.queue.messages
    api.files.is_down = True
    assert not api.work(message)
    assert api.state(identifier) == "in_progress"
    assert api.work(message, queue_name="dead")
    assert api.state(identifier) == "failed"


def test_draft_is_changed_and_exports_are_listed(api):
    first, second = api.new_export(), api.new_export(description="for the accountant")
    answer = api.post(
        f"/exports/{first}", {"filters": {**SPAN, "status_code": "429"}}, method="PUT"
    )
    assert answer.status == 200
    assert api.get(f"/exports/{first}").json["filters"]["status_code"] == "429"
    listed = api.get("/exports").json
    assert {one["id"] for one in listed["data"]} == {first, second}
    assert listed["total"] == 2


def test_export_of_another_workspace_is_not_found(api):
    identifier = api.new_export()
    for path in ("", "/download"):
        assert api.get(f"/exports/{identifier}{path}", key=api.cafe_key).status == 404
    for path in ("/start", "/cancel"):
        assert api.post(f"/exports/{identifier}{path}", key=api.cafe_key).status == 404
    assert api.get("/exports", key=api.cafe_key).json["total"] == 0
    assert api.post("/exports", {"filters": SPAN, "workspace_id": api.cafe}).status == 404


def test_key_of_the_organisation_exports_all_workspaces(api):
    answer = api.call("POST", "/v1/logs/exports", {"filters": SPAN})
    api.call("POST", f"/v1/logs/exports/{answer.json['id']}/start")
    api.work(api.queue.messages[0])
    (data,) = api.files.values()
    assert {line["workspace_id"] for line in _lines(data)} == {api.shop, api.cafe}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "filters"),
        ({"filters": {}}, "time_of_generation_min"),
        ({"filters": {**SPAN, "status_code": "x"}}, "status_code"),
        ({"filters": SPAN, "requested_data": ["prompt"]}, "requested_data"),
        ({"filters": SPAN, "format": "csv"}, "format"),
    ],
)
def test_export_with_a_wrong_value_is_refused_by_name(api, body, param):
    answer = api.post("/exports", body)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


def test_gateway_without_a_queue_says_so(api):
    identifier = api.new_export()
    api.services = replace(api.services, queue=None)
    answer = api.post(f"/exports/{identifier}/start")
    assert (answer.status, answer.json["error"]["code"]) == (503, "usage_unavailable")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"?{QUERY}", "logs.list"),
        ("GET", "/trace-1", "logs.view"),
        ("POST", "", "logs.write"),
        ("GET", "/exports", "logs.export"),
        ("POST", "/exports", "logs.export"),
    ],
)
def test_each_route_needs_its_scope(api, method, path, scope):
    _, key = api.key(api.shop, scopes=["analytics.view"])
    answer = api.post(path, None, key, method)
    assert answer.status == 403
    assert scope in answer.json["error"]["message"]


def test_export_of_other_workspaces_is_hidden_from_a_key_of_its_makers_workspace(api):
    path = "/v1/logs/exports"
    made = {
        one: api.call("POST", path, {"filters": {**SPAN, "workspace_slug": one}}).json["id"]
        for one in ("default", "shop")
    }
    made["all"] = api.call("POST", path, {"filters": SPAN}).json["id"]
    _, key = api.key("default", scopes=SCOPES)
    listed = api.call("GET", path, key=key).json["data"]
    assert [one["id"] for one in listed] == [made["default"]]
    for name, status in (("default", 200), ("shop", 404), ("all", 404)):
        one = f"{path}/{made[name]}"
        assert api.call("GET", one, key=key).status == status
        assert api.call("GET", f"{one}/download", key=key).status == (409 if status == 200 else 404)
        assert api.call("PUT", one, {"filters": SPAN}, key=key).status == status


@pytest.mark.parametrize("columns", [5, {"id": 1}, [{}], [["id"]], "id"])
def test_columns_of_an_export_that_are_no_list_of_names_are_refused(api, columns):
    answer = api.post("/exports", {"filters": SPAN, "requested_data": columns})
    assert (answer.status, answer.json["error"]["param"]) == (400, "requested_data")
