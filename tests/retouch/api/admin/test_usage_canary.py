"""A canary test: no answer about usage has a marker of the edits, a key, or a hash of one."""

import json

import pytest

from retouch.api.admin.routes import ADMIN_ROUTES
from retouch.core.concurrency.pending_writes import finish_writes
from retouch.gateway.authentication import key_digest
from retouch.usage.cloud_events import usage_cloud_event
from retouch.usage.event import format_time
from retouch.usage.log_rows import log_row
from retouch.usage.recorder import UsageRecorder
from tests.support.events import form_event
from tests.support.images import b64, photo
from tests.support.tenants import ADMIN_KEY, PEPPER, AdminApi
from tests.support.upstream import Upstream, json_response
from tests.support.usage import InMemoryUsage

IMAGE = photo(64, 64)
ANSWERS = [
    json_response({"created": 1, "data": [{"b64_json": b64(IMAGE), "revised_prompt": "MARKER"}]}),
    json_response({"error": {"message": "MARKER", "code": "MARKER-code"}}, 400),
    json_response({"error": {"message": "MARKER"}}, 500),
]
USAGE_PREFIXES = ("/v1/analytics", "/v1/organization", "/v1/usage", "/v1/logs")
PATHS = [
    path
    for method, path in ADMIN_ROUTES
    if method == "GET" and path.startswith(USAGE_PREFIXES) and "exports/{id}" not in path
]


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Return an admin API with the usage of edits full of markers, and their key."""
    store = InMemoryUsage()
    with Upstream(*ANSWERS) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url}
        api = AdminApi(
            tmp_path_factory.mktemp("tenants"),
            env,
            usage_store=store,
            usage=UsageRecorder(store),
            secrets={"OPENAI_API_KEY": "sk-MARKER"},
        )
        _, key = api.key(api.workspace("shop"))
        headers = {
            "x-portkey-metadata": json.dumps({"_user": "MARKER-user", "team": "red"}),
            "x-portkey-trace-id": "trace-1",
        }
        fields = {
            "model": "gpt-image-2",
            "prompt": "MARKER prompt",
            "user": "MARKER-user",
            "image": ("MARKER-name.png", IMAGE, "image/png"),
        }
        for _ in range(3):
            api.send(form_event(fields, headers), key)
            finish_writes()
    api.clock.advance(60)
    assert len(store.events) == 3
    return api, key


def test_no_marker_is_in_a_row_of_an_export_or_an_event_on_the_bus(marked):
    api, key = marked
    for event in api.services.usage.events.values():
        shown = json.dumps([log_row(event), usage_cloud_event(event, "prod")])
        for secret in ("MARKER", key, key_digest(key, PEPPER)):
            assert secret not in shown


@pytest.mark.parametrize("path", PATHS)
def test_no_marker_and_no_key_is_in_an_answer_about_usage(marked, path):
    api, key = marked
    now = api.clock.unix_time()
    first, last = format_time(now - 3600), format_time(now + 3600)
    names = {"{group}": "users", "{key}": "team", "{id}": "trace-1"}
    for name, value in names.items():
        path = path.replace(name, value)
    query = f"time_of_generation_min={first}&time_of_generation_max={last}&start_time={now - 3600}"
    answer = api.call("GET", f"{path}?{query}")
    assert answer.status == 200, answer.text
    for secret in (
        "MARKER",
        key,
        key_digest(key, PEPPER),
        ADMIN_KEY,
        key_digest(ADMIN_KEY, PEPPER),
    ):
        assert secret not in answer.text
