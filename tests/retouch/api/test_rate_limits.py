"""Rate limits and the quota of a key, over the handler of the edits function."""

import json

import pytest

from retouch.tenants.limits import RateLimit, UsageLimit
from tests.support.budget_gateway import USAGE, make_key, make_virtual_key, run_gateway, success
from tests.support.upstream import json_response, sse_response

PER_MINUTE_5 = (RateLimit("requests", "rpm", 5),)


@pytest.fixture
def gateway():
    with run_gateway(make_key(limit=None, rate_limits=PER_MINUTE_5)) as gateway:
        yield gateway


def test_sixth_request_in_a_minute_is_refused_with_both_families_of_headers(gateway):
    responses = [gateway.edit() for _ in range(6)]
    assert [one.status for one in responses] == [200] * 5 + [429]
    first, last = responses[0].headers, responses[-1].headers
    assert first["x-ratelimit-limit-requests"] == "5"
    assert first["x-ratelimit-remaining-requests"] == "4"
    assert first["ratelimit-policy"] == '"api_key-requests-rpm";q=5;w=60'
    assert first["ratelimit"].startswith('"api_key-requests-rpm";r=4;t=')
    assert last["x-ratelimit-remaining-requests"] == "0"
    assert 0 < int(last["retry-after"]) <= 60
    assert last["x-ratelimit-reset-requests"] == f"{last['retry-after']}s"
    assert (last["x-should-retry"], last["x-retouch-billed"]) == ("true", "no")
    assert responses[-1].json["error"]["code"] == "rate_limit_exceeded"
    assert len(gateway.upstream.calls) == 5


def test_client_that_does_not_stop_costs_no_writes(gateway):
    for _ in range(6):
        gateway.edit()
    writes = gateway.rates.writes
    assert {gateway.edit().status for _ in range(100)} == {429}
    assert gateway.rates.writes == writes == 6
    gateway.clock.advance(60)
    assert gateway.edit().status == 200


def test_refused_request_leaves_no_order(gateway):
    for _ in range(5):
        gateway.edit()
    assert gateway.edit(headers={"Idempotency-Key": '"k"'}).status == 429
    assert gateway.orders.orders == {}


def test_workspace_limits_all_its_keys_together(gateway):
    key = make_key(limit=None, workspace_rates=(RateLimit("requests", "rph", 1),))
    gateway.key = key
    response = gateway.edit()
    assert response.headers["ratelimit-policy"] == '"workspace-requests-rph";q=1;w=3600'
    assert gateway.edit().status == 429


@pytest.mark.parametrize(
    ("kind", "value"), [("pictures", 2), ("tokens", USAGE["total_tokens"])], ids=str
)
def test_output_of_edits_counts_until_a_full_window_refuses(gateway, kind, value):
    gateway.key = make_key(limit=None, rate_limits=(RateLimit(kind, "rpd", value),))
    gateway.upstream.responses[:] = [json_response(success(images=2))]
    assert gateway.edit(n="2").status == 200
    assert list(gateway.rates.counts.values()) == [value]
    assert gateway.edit().status == 429


def test_pictures_of_a_stream_count(gateway):
    gateway.key = make_key(limit=None, rate_limits=(RateLimit("pictures", "rpd", 1),))
    image = success()["data"][0]["b64_json"]
    completed = {"type": "image_edit.completed", "b64_json": image, "usage": USAGE}
    gateway.upstream.responses[:] = [sse_response(completed)]
    assert gateway.edit(stream="true").status == 200
    assert list(gateway.rates.counts.values()) == [1]


def test_virtual_key_above_its_rate_is_skipped(gateway):
    gateway.key = make_key(limit=None)
    gateway.virtual_keys |= {
        "slow": make_virtual_key("slow", rate_limits=(RateLimit("requests", "rpm", 1),)),
        "fast": make_virtual_key("fast", (UsageLimit("cost", 10**9),)),
    }
    targets = [{"virtual_key": slug} for slug in ("slow", "fast")]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    for _ in range(2):
        response = gateway.edit({"x-portkey-config": json.dumps(config)}, model="gpt-image-2")
        assert response.status == 200
    keys = [call.headers["authorization"] for call in gateway.upstream.calls]
    assert keys == ["Bearer sk-slow", "Bearer sk-fast"]


def test_nothing_is_bought_while_requests_cannot_be_counted(gateway):
    gateway.rates.is_down = True
    response = gateway.edit()
    assert (response.status, response.json["error"]["code"]) == (503, "budget_unavailable")
    assert gateway.upstream.calls == []


def test_quota_says_what_is_used_and_left():
    key = make_key(workspace_limit=1_000_000, rate_limits=PER_MINUTE_5)
    with run_gateway(key) as gateway:
        gateway.edit()
        quota = gateway.quota()
    own, workspace = quota["limits"]
    assert own == {
        "type": "cost",
        "scope": "api_key",
        "period": "all",
        "limit_usd": 0.5,
        "taken_usd": 0.04119,
        "spent_usd": 0.04119,
        "at_risk_usd": 0,
        "remaining_usd": 0.45881,
        "resets_at": None,
    }
    assert (workspace["scope"], workspace["remaining_usd"]) == ("workspace", 0.95881)
    (rate,) = quota["rate_limits"]
    assert (rate["unit"], rate["limit"], rate["remaining"]) == ("rpm", 5, 4)
    assert quota["concurrency"]["api_key"] == {"limit": 50, "running": 0}


def test_quota_of_a_key_without_limits_is_empty(gateway):
    gateway.key = make_key(limit=None)
    quota = gateway.quota()
    assert quota == {
        "object": "quota",
        "auth_mode": "keys",
        "limits": [],
        "rate_limits": [],
        "concurrency": {},
    }
