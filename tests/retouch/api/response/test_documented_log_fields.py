"""Tests of docs/logs.md: requests of many kinds write the fields that the page names, and no others."""

import json
import re
from pathlib import Path

import pytest

from retouch.gateway.authentication import key_digest
from retouch.orders.stores import OrderStores
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, box_mask, photo
from tests.support.orders import InMemoryOrders
from tests.support.services import FakeClock, build_services
from tests.support.upstream import Upstream, json_response

PAGE = Path(__file__).parents[4] / "docs" / "logs.md"
PEPPER, KEY = "pepper", "rt_" + "k" * 43
IMAGE = photo()
SUCCESS = json_response({"data": [{"b64_json": b64(IMAGE)}]})
FAILURE = json_response({"error": {"code": "moderation_blocked", "message": "no"}}, 400)
FIELDS = {"model": "openai/gpt-image-2", "prompt": "p", "image": file_part(IMAGE)}
ORDER = {"Idempotency-Key": "order-1"}
GUARDRAIL = {"default.contains": {"operator": "none", "words": ["x"]}}
HOOKS = {"x-portkey-config": json.dumps({"before_request_hooks": [{"async": True, **GUARDRAIL}]})}
# Written elsewhere: by Lambda, by a price of a workspace, by the retry of a client, and by a client that leaves.
FIELDS_OF_OTHER_TESTS = {"xray_trace_id", "price_usd", "joined", "left"}


def documented_fields():
    rows = re.findall(r"^\| (`.*?) \| .*? \| .*? \|$", PAGE.read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.fixture
def request_lines(capsys):
    """Return the log lines of edits that succeed, fail, are refused, planned, repeated and checked."""
    orders = InMemoryOrders()
    with Upstream(SUCCESS) as upstream:
        services = build_services(
            {"RETOUCH_AUTH_MODE": "keys", "OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"},
            FakeClock(),
            secrets={"RETOUCH_PEPPER": PEPPER},
            keys={key_digest(KEY, PEPPER): "web-shop"},
            orders=OrderStores(orders, orders),
        )

        def send(headers=(), response=SUCCESS, **fields):
            upstream.responses[:] = [response]
            authorized = {"Authorization": f"Bearer {KEY}", **dict(headers)}
            send_event(form_event({**FIELDS, **fields}, authorized), services=services)

        send(mask=file_part(box_mask()))
        send(response=FAILURE)
        send(n="99")
        send(dry_run="true")
        send(ORDER)
        send(ORDER)
        send(HOOKS)
        models = proxy_event(method="GET", path="/v1/models")
        send_event(models, services=services)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line.get("message") == "request"]


def test_requests_write_only_documented_fields(request_lines):
    written = {name for line in request_lines for name in line}
    assert written <= documented_fields()


def test_documented_fields_are_written(request_lines):
    written = {name for line in request_lines for name in line}
    assert documented_fields() - written == FIELDS_OF_OTHER_TESTS
