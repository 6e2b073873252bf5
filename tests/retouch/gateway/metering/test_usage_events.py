"""Tests of the usage events that edits write: real requests to a provider on real sockets."""

import json
from dataclasses import replace
from typing import Any

import pytest

from retouch.core.concurrency.pending_writes import finish_writes
from retouch.gateway.authentication import key_digest
from retouch.orders.stores import OrderStores
from retouch.tenants.keys import GatewayKey, Workspace, plain_key
from retouch.tenants.limits import WorkspacePrice
from retouch.usage.event import to_record
from retouch.usage.recorder import UsageRecorder
from tests.support.events import form_event, json_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ScriptedResponse, Upstream, json_response, sse_response
from tests.support.usage import InMemoryUsage

IMAGE = photo(64, 64)
FIELDS = {"model": "gpt-image-2", "prompt": "MARKER-prompt", "image": file_part(IMAGE)}
USAGE = {
    "input_tokens": 1234,
    "input_tokens_details": {"text_tokens": 34, "image_tokens": 1200},
    "output_tokens": 1056,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 1056},
}
SUCCESS = {"created": 1, "size": "1024x1024", "usage": USAGE, "data": [{"b64_json": b64(IMAGE)}]}
RATE_LIMITED = json_response({"error": {"message": "slow down"}}, 429)
SERVER_ERROR = json_response({"error": {"message": "boom"}}, 500)
KEY, PEPPER = "rt_" + "A" * 43, "p" * 64
SHOP = Workspace(id="w_shop", slug="shop", name="Shop", price=WorkspacePrice(1_200_000, 10_000))
SHOP_KEY = GatewayKey(id="k_shop", name="till", workspace=SHOP)


class Meter:
    """A gateway with one provider and a table of usage in memory."""

    def __init__(self, upstream, key=None, **options):
        self.upstream, self.store = upstream, InMemoryUsage()
        self.published: list[Any] = []
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": upstream.url, **options.pop("env", {})}
        keys, self._headers = {}, {}
        if key:
            env |= {"RETOUCH_AUTH_MODE": "keys", "RETOUCH_PEPPER": PEPPER}
            keys[key_digest(KEY, PEPPER)] = key
            self._headers = {"Authorization": f"Bearer {KEY}"}
        recorder = UsageRecorder(self.store, self.published.extend, "prod")
        self.services = build_services(env, keys=keys, usage=recorder, **options)

    def send(self, fields=FIELDS, headers=None, event=None):
        event = event or form_event(fields, {**self._headers, **(headers or {})})
        response = send_event(event, services=self.services)
        finish_writes()
        return response

    @property
    def events(self):
        return [event for _, event in sorted(self.store.events.items(), key=lambda item: item[0])]

    @property
    def event(self):
        (event,) = self.events
        return event


@pytest.fixture
def upstream():
    with Upstream(json_response(SUCCESS)) as upstream:
        yield upstream


@pytest.fixture
def meter(upstream):
    return Meter(upstream)


def _micro(response):
    return round(float(response.headers["x-retouch-cost-usd"].split()[0]) * 1_000_000)


def test_success_has_one_event_with_the_cost_of_the_header(meter):
    response = meter.send()
    event = meter.event
    assert response.status == 200
    assert (event.status, event.billed, event.provider) == (200, "yes", "openai")
    assert event.model == "gpt-image-2"
    assert event.cost == event.price == _micro(response) > 0
    assert (event.text_in, event.image_in, event.text_out, event.image_out) == (34, 1200, 0, 1056)
    assert (event.pictures, event.pixels_in, event.pixels_out) == (1, 4096, 1024 * 1024)
    assert (event.workspace, event.key_id, event.source) == ("w_default", "", "http")
    assert (event.is_final, event.is_estimated, event.is_unpriced) == (True, False, False)
    assert "x-retouch-price-usd" not in response.headers, "it is the cost"


def test_workspace_is_charged_and_told_its_price_and_the_log_has_the_cost_too(upstream, capsys):
    meter = Meter(upstream, key=SHOP_KEY)
    response = meter.send()
    event = meter.event
    assert (event.workspace, event.key_id) == ("w_shop", "k_shop")
    assert event.price == (event.cost * 12 + 5) // 10 + 10_000 == _micro(response)
    charged = response.headers["x-retouch-price-usd"]
    assert charged == response.headers["x-retouch-cost-usd"]
    log = capsys.readouterr().out
    assert f'"price_usd":"{charged}"' in log
    assert '"key":"till","key_id":"k_shop","workspace":"w_shop"' in log
    assert f'"cost_usd":"{event.cost / 1_000_000:g}"' in log


def test_own_provider_key_is_counted_and_not_charged(upstream):
    meter = Meter(upstream, key=SHOP_KEY)
    headers = {"x-portkey-provider": "openai", "x-portkey-api-key": KEY}
    response = meter.send(headers={**headers, "Authorization": "Bearer sk-mine"})
    assert response.status == 200
    event = meter.event
    assert (event.payer, event.price, event.cost) == ("caller", 0, _micro(response))


def test_each_attempt_of_a_fallback_has_an_event(upstream):
    meter = Meter(upstream)
    upstream.responses[:] = [RATE_LIMITED, json_response(SUCCESS)]
    targets = [{"provider": "openai", "api_key": "sk-a"}, {"provider": "openai"}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    response = meter.send(headers={"x-portkey-config": json.dumps(config)})
    assert response.status == 200
    first, second = meter.events
    assert (first.status, first.is_final, first.cost, first.rescue) == (429, False, 0, "")
    assert (first.code, first.blame, first.billed) == ("rate_limit_exceeded", "provider", "no")
    assert (second.status, second.is_final, second.rescue) == (200, True, "fallback")
    assert second.cost == _micro(response)
    assert (first.order, first.attempt, second.attempt) == (second.order, 1, 2)
    assert (first.payer, second.payer) == ("caller", "operator")


def test_success_after_retries_says_which_retry_it_was(meter):
    meter.upstream.responses[:] = [RATE_LIMITED, RATE_LIMITED, json_response(SUCCESS)]
    config = {"provider": "openai", "retry": {"attempts": 3, "on_status_codes": [429]}}
    meter.send(headers={"x-portkey-config": json.dumps(config)})
    assert [event.rescue for event in meter.events] == ["", "", "retry-2"]
    assert [event.is_final for event in meter.events] == [False, False, True]


def test_failure_of_unknown_billing_is_charged_at_the_expected_cost_and_is_at_risk(upstream):
    upstream.responses[:] = [ScriptedResponse(network_failure="cut", body=b"{" * 100)]
    meter = Meter(upstream, key=SHOP_KEY)
    response = meter.send()
    event = meter.event
    assert response.headers["x-retouch-billed"] == "unknown"
    assert (event.billed, event.is_estimated, event.is_error) == ("unknown", True, True)
    assert event.at_risk == event.price == SHOP.price.apply_to(event.cost, 0) > 0


def test_failure_that_cost_nothing_has_no_price(meter):
    meter.upstream.responses[:] = [RATE_LIMITED]
    meter.send()
    event = meter.event
    assert (event.status, event.cost, event.price, event.at_risk) == (429, 0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"prompt": "p"}, "missing_required_parameter"), ({**FIELDS, "n": 99}, "invalid_value")],
)
def test_refused_request_has_an_event_without_a_provider(meter, fields, code):
    response = meter.send(fields)
    event = meter.event
    assert (event.status, event.code, event.provider) == (response.status, code, "")
    assert (event.blame, event.billed) == ("client", "no")


def test_cache_hit_costs_nothing(meter):
    config = {"provider": "openai", "cache": {"mode": "simple"}}
    headers = {"x-portkey-config": json.dumps(config)}
    meter.send(headers=headers)
    meter.send(headers=headers)
    assert sorted((event.cache, event.cost > 0) for event in meter.events) == [
        ("HIT", False),
        ("MISS", True),
    ]


def test_dry_run_has_no_event(meter):
    assert meter.send({**FIELDS, "dry_run": "true"}).status == 200
    assert meter.events == []


def test_local_edit_is_counted_without_cost(meter):
    fields = {**FIELDS, "model": "local/erase", "mask": file_part(box_mask())}
    assert meter.send(fields).status == 200
    event = meter.event
    assert (event.provider, event.cost, event.billed, event.is_unpriced) == (
        "local",
        0,
        "no",
        False,
    )


def test_replay_of_an_order_has_no_event_of_its_own(upstream):
    memory = InMemoryOrders()
    meter = Meter(upstream, orders=OrderStores(memory, memory))
    key = {"Idempotency-Key": '"one"'}
    first, second = meter.send(headers=key), meter.send(headers=key)
    assert second.headers["idempotent-replayed"] == "true"
    assert meter.event.order == first.headers["x-retouch-order"]


def test_each_try_of_an_order_has_its_own_event(upstream):
    memory = InMemoryOrders()
    meter = Meter(upstream, orders=OrderStores(memory, memory))
    upstream.responses[:] = [RATE_LIMITED, json_response(SUCCESS)]
    headers = {"Idempotency-Key": '"one"', "x-stainless-retry-count": "0"}
    meter.send(headers=headers)
    meter.send(headers=headers)
    assert [(event.attempt, event.status) for event in meter.events] == [(1, 429), (101, 200)]
    assert len({event.order for event in meter.events}) == 1


COMPLETED = {
    "type": "image_edit.completed",
    "b64_json": b64(IMAGE),
    "size": "1024x1024",
    "usage": USAGE,
}


def _stream_event(**fields):
    return form_event({**FIELDS, "stream": "true", **fields})


def test_stream_writes_its_event_at_its_end(meter):
    meter.upstream.responses[:] = [sse_response(COMPLETED)]
    frames = meter.send(event=_stream_event()).frames
    event = meter.event
    usd = float(frames[-1][1]["retouch"]["cost-usd"].split()[0])
    assert (event.status, event.pictures, event.image_out) == (200, 1, 1056)
    assert event.cost == round(usd * 1_000_000) > 0


def test_stream_that_breaks_has_an_event_with_its_failure(meter):
    partial = {"type": "image_edit.partial_image", "partial_image_index": 0}
    partial |= {"b64_json": b64(IMAGE)}
    failure = {"type": "error", "error": {"message": "boom"}}
    meter.upstream.responses[:] = [sse_response(partial, failure)]
    meter.send(event=_stream_event(partial_images="1"))
    event = meter.event
    assert event.is_error
    assert event.billed != "no"
    assert event.price > 0


def test_stream_whose_reader_leaves_is_counted_from_its_last_event(meter):
    partial = {"type": "image_edit.partial_image", "partial_image_index": 0}
    partial |= {"b64_json": b64(IMAGE)}
    meter.upstream.responses[:] = [sse_response(partial, COMPLETED, chunk_interval=0.1)]
    from retouch.api.handlers.edits import build_handler
    from tests.support.events import lambda_context
    from tests.support.gateway_client import telemetry

    handler = build_handler(meter.services, lambda: None, telemetry())
    response = handler(_stream_event(partial_images="1"), lambda_context())
    next(response["body"])
    response["body"].close()
    del response
    finish_writes()
    assert (meter.event.status, meter.event.pictures, meter.event.image_out) == (200, 1, 1056)


def test_user_is_hashed_and_metadata_is_kept(upstream):
    meter = Meter(upstream, key=SHOP_KEY)
    metadata = {"_user": "MARKER-ann@example.com", "team": "red"}
    meter.send(headers={"x-portkey-metadata": json.dumps(metadata)})
    meter.send({**FIELDS, "user": "MARKER-ann@example.com"})
    users = {event.user for event in meter.events}
    assert len(users) == 1
    assert len(users.pop()) == 24
    assert [dict(event.metadata) for event in meter.events].count({"team": "red"}) == 1


def test_event_and_cloud_event_have_no_content_and_no_key(upstream):
    meter = Meter(upstream, key=plain_key("till", key_digest(KEY, PEPPER)))
    image = ("MARKER-name.png", IMAGE, "image/png")
    headers = {"x-portkey-metadata": json.dumps({"_user": "MARKER-user"})}
    meter.send({**FIELDS, "image": image, "user": "MARKER-user"}, headers)
    upstream.responses[:] = [json_response({"error": {"message": "MARKER-echo"}}, 400)]
    meter.send({**FIELDS, "image": image}, headers)
    meter.send(event=json_event({"model": "MARKER-model", "prompt": "MARKER"}, meter._headers))
    text = json.dumps([to_record(event) for event in meter.events] + meter.published)
    assert len(meter.events) == 3
    assert "MARKER" not in text.replace("MARKER-model", "")
    assert KEY not in text
    assert key_digest(KEY, PEPPER) not in text


def test_cloud_event_has_the_id_and_the_amounts_of_the_event(upstream):
    meter = Meter(upstream, key=SHOP_KEY)
    meter.send()
    (published,), event = meter.published, meter.event
    assert (published["id"], published["source"]) == (event.id, "urn:retouch:usage:prod")
    assert (published["type"], published["subject"]) == ("retouch.usage", "w_shop")
    assert (published["data"]["cost"], published["data"]["price"]) == (event.cost, event.price)


def test_part_of_the_free_failures_is_counted_and_every_paid_one(upstream):
    meter = Meter(upstream, env={"RETOUCH_USAGE_FREE_ERRORS": "0.3"}, clock=FakeClock(fraction=0.5))
    meter.send({"prompt": "p"})
    assert meter.events == []
    upstream.responses[:] = [SERVER_ERROR]
    meter.send()
    assert meter.event.status == 502


def test_table_that_cannot_be_used_fails_no_edit(meter, capsys):
    meter.store.is_down = True
    assert meter.send().status == 200
    assert "a write that runs beside the response failed" in capsys.readouterr().out


def test_gateway_without_a_table_of_usage_does_not_load_the_meter(upstream):
    meter = Meter(upstream)
    meter.services = replace(meter.services, usage=None)
    assert meter.send().status == 200
    assert meter.events == []
