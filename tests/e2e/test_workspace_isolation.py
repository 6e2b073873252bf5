"""Tests of the isolation of workspaces at every route. The OpenAPI documents list the routes, so that none is left out.

A key of another workspace that has every scope calls each route with the ids of a workspace, and gets 404. It reads
every list, and finds none of these ids.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

import retouch.api
from devserver.server import DevServer
from retouch.tenants.scopes import WORKSPACE_SCOPES
from tests.support.batches import batch_line
from tests.support.images import photo
from tests.support.upstream import ScriptedResponse, Upstream
from tests.support.waits import wait_until

ADMIN_KEY = "rt_" + "W" * 43
IMAGE = photo(64, 64)
MODEL = "openai/gpt-image-2"
DOCUMENTS = ("openapi.json", "admin/openapi.json")
ROUTES = [
    (method.upper(), path)
    for name in DOCUMENTS
    for path, methods in json.loads((Path(retouch.api.__file__).parent / name).read_text())[
        "paths"
    ].items()
    for method in methods
    if method in ("get", "post", "put", "patch", "delete")
]
# What the variable of a path names. A new route needs a line here, or one in PUBLIC.
OWNED = {
    "/v1/images/edits/{id}": "job",
    "/v1/files/{token}": "file",
    "/v1/batches/{id}": "batch",
    "/v1/webhook_endpoints/{id}": "endpoint",
    "/v1/webhook_deliveries/{id}": "delivery",
    "/v1/admin/workspaces/{id}": "workspace",
    "/v1/admin/orders/{id}": "order",
    "/v1/api-keys/{id}": "key",
    "/v1/configs/{slug}": "config",
    "/v1/virtual-keys/{slug}": "virtual key",
    "/v1/providers/{slug}": "virtual key",
    "/v1/feedback/{id}": "feedback",
    "/v1/logs/exports/{id}": "export",
    "/v1/logs/{id}": "order",
}
# Their variables name nothing that belongs to anybody.
PUBLIC = {
    "/openai/deployments/{deployment}/images/edits",
    "/v1/models/{id}",
    "/playground/{file}",
    "/v1/analytics/groups/{group}",
    "/v1/analytics/groups/metadata/{key}",
    "/v1/api-keys/{type}/{sub_type}",
}
# Only keys of the organisation have the scopes of these routes.
OPERATOR_ROUTES = {
    ("PUT", "/v1/admin/workspaces/{id}"),
    ("DELETE", "/v1/admin/workspaces/{id}"),
    ("POST", "/v1/admin/workspaces/{id}/credits"),
    ("POST", "/v1/admin/orders/{id}/reconcile"),
}
NOW = datetime.now(UTC)
SPAN = {
    "time_of_generation_min": (NOW - timedelta(hours=1)).isoformat(),
    "time_of_generation_max": (NOW + timedelta(hours=1)).isoformat(),
}
# Bodies with which the owner's call would succeed.
BODIES = {
    ("PUT", "/v1/feedback/{id}"): {"value": 1},
    ("PUT", "/v1/logs/exports/{id}"): {"filters": SPAN},
    ("POST", "/v1/webhook_endpoints/{id}"): {"name": "other"},
}
LISTS = [path for method, path in ROUTES if method == "GET" and "{" not in path]


class Tenant:
    """A workspace with a key that has every scope of workspaces."""

    def __init__(self, url, name):
        self.url, self.ids = url, {}
        self.key = ADMIN_KEY
        self.ids["workspace"] = self.make("/v1/admin/workspaces", {"name": name})
        fields = {"workspace_id": self.ids["workspace"], "scopes": sorted(WORKSPACE_SCOPES)}
        answer = self.call("POST", "/v1/api-keys/workspace/service", {"name": name, **fields})
        self.ids["key"], self.key = answer.json()["id"], answer.json()["key"]

    def call(self, method, path, body=None, **options):
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return requests.request(
            method, self.url + path, json=body, headers=headers, timeout=60, **options
        )

    def make(self, path, body=None, **options):
        answer = self.call("POST", path, body, **options)
        assert answer.ok, answer.text
        document = answer.json()
        return document.get("id") or document.get("slug")

    def edit(self, **headers):
        data = {"model": MODEL, "prompt": "p", **headers.pop("data", {})}
        files = {"image": ("a.png", IMAGE, "image/png")}
        return self.call("POST", "/v1/images/edits", data=data, files=files, headers=headers)

    def wait_for(self, path, select):
        """Return what `select` finds in the answer, when it finds something."""
        return wait_until(lambda: select(self.call("GET", path).json()))


def fill(tenant, receiver_url):
    """Give a tenant one of everything that a route can name."""
    ids = tenant.ids
    ids["endpoint"] = tenant.make("/v1/webhook_endpoints", {"name": "r", "url": receiver_url})
    job = tenant.edit(Prefer="respond-async", data={"webhook": ids["endpoint"]})
    assert job.status_code == 202, job.text
    ids["job"] = job.json()["id"]
    line = json.dumps(batch_line(1)).encode()
    ids["file"] = tenant.make(
        "/v1/files", data={"purpose": "batch"}, files={"file": ("lines.jsonl", line)}
    )
    body = {
        "input_file_id": ids["file"],
        "endpoint": "/v1/images/edits",
        "completion_window": "24h",
    }
    ids["batch"] = tenant.make("/v1/batches", body)
    ids["virtual key"] = tenant.make(
        "/v1/virtual-keys", {"name": "v", "provider": "openai", "key": "sk-0123456789"}
    )
    ids["config"] = tenant.make("/v1/configs", {"name": "c", "config": {"provider": "openai"}})
    edit = tenant.edit(**{"Idempotency-Key": "wall", "x-portkey-trace-id": "trace-of-one"})
    ids["order"] = edit.headers["x-retouch-order"]
    feedback = tenant.call("POST", "/v1/feedback", {"trace_id": "trace-of-one", "value": 1})
    (ids["feedback"],) = feedback.json()["feedback_ids"]
    ids["export"] = tenant.make("/v1/logs/exports", {"filters": SPAN})
    ids["delivery"] = tenant.wait_for(
        "/v1/webhook_deliveries", lambda found: found["data"] and found["data"][0]["id"]
    )
    tenant.wait_for(f"/v1/logs/{ids['order']}", lambda found: found.get("object") == "log")


@pytest.fixture(scope="module")
def tenants(provider):
    with Upstream(ScriptedResponse(204)) as receiver:
        env = {
            "RETOUCH_AUTH_MODE": "keys",
            "RETOUCH_ADMIN_KEY": ADMIN_KEY,
            "RETOUCH_WEBHOOK_ALLOW": receiver.url.removeprefix("http://"),
            "OPENAI_API_KEY": "sk-configured",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
        }
        with DevServer(env=env, workers=1, s3=True) as server:
            one, other = Tenant(server.url, "one"), Tenant(server.url, "other")
            fill(one, receiver.url)
            yield one, other


def owned_kind(path):
    """Return what the variable of a path names, or None when it names nothing that is owned."""
    if "{" not in path or path in PUBLIC:
        return None
    prefix = path[: path.index("}") + 1]
    assert prefix in OWNED, (
        f"{path} is new: say in OWNED what it names, or in PUBLIC that nobody owns it"
    )
    return OWNED[prefix]


def test_no_route_leads_into_another_workspace(tenants):
    one, other = tenants
    through = {}
    for method, path in ROUTES:
        kind = owned_kind(path)
        if kind is None:
            continue
        name = path[path.index("{") : path.index("}") + 1]
        real = path.replace(name, one.ids[kind])
        body = BODIES.get((method, path), None if method in ("GET", "DELETE") else {})
        answer = other.call(method, real, body, allow_redirects=False)
        expected = 403 if (method, path) in OPERATOR_ROUTES else 404
        if answer.status_code != expected:
            through[f"{method} {path}"] = (answer.status_code, answer.text[:200])
    assert through == {}


def test_owner_still_has_everything_at_the_same_routes(tenants):
    one, _ = tenants
    lost = {}
    for path, kind in OWNED.items():
        if kind == "feedback" or path == "/v1/admin/orders/{id}":  # nothing reads them
            continue
        real = path.replace(path[path.index("{") : path.index("}") + 1], one.ids[kind])
        answer = one.call("GET", real)
        if answer.status_code != 200:
            lost[path] = (answer.status_code, answer.text[:200])
    assert lost == {}


def test_no_list_has_anything_of_another_workspace(tenants):
    one, _ = tenants
    other = Tenant(
        one.url, "has sent no request"
    )  # the log of a request has what the request names
    query = urlencode({**SPAN, "start_time": int(NOW.timestamp()) - 3600, "group_by": "key_id"})
    shown = {}
    for path in LISTS:
        text = other.call("GET", f"{path}?{query}").text
        found = [identifier for identifier in one.ids.values() if identifier in text]
        if found:
            shown[path] = found
    assert shown == {}


NAMED_IN_BODIES = [
    ("/v1/batches", "input_file_id", "file"),
    ("/v1/api-keys/workspace/service", "workspace_id", "workspace"),
    ("/v1/virtual-keys", "workspace_id", "workspace"),
    ("/v1/configs", "workspace_id", "workspace"),
    ("/v1/logs/exports", "workspace_id", "workspace"),
]
REST: dict[str, dict[str, object]] = {
    "/v1/batches": {"endpoint": "/v1/images/edits", "completion_window": "24h"},
    "/v1/api-keys/workspace/service": {"name": "x"},
    "/v1/virtual-keys": {"name": "x", "provider": "openai", "key": "sk-0123456789"},
    "/v1/configs": {"name": "x", "config": {"provider": "openai"}},
    "/v1/logs/exports": {"filters": SPAN},
}


@pytest.mark.parametrize(("path", "name", "kind"), NAMED_IN_BODIES)
def test_id_of_another_workspace_in_a_body_is_not_found(tenants, path, name, kind):
    one, other = tenants
    answer = other.call("POST", path, {**REST[path], name: one.ids[kind]})
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/analytics/graphs/cost", "workspace_slug"),
        ("/v1/logs", "workspace_slug"),
        ("/v1/usage/summary", "workspace_slug"),
        ("/v1/organization/costs", "project_ids"),
        ("/v1/api-keys", "workspace_id"),
        ("/v1/configs", "workspace_id"),
        ("/v1/virtual-keys", "workspace_id"),
    ],
)
def test_other_workspace_in_a_query_is_not_found(tenants, path, name):
    one, other = tenants
    query = urlencode({**SPAN, "start_time": 1793491200, name: one.ids["workspace"]})
    assert other.call("GET", f"{path}?{query}").status_code == 404


def test_edit_cannot_name_a_thing_of_another_workspace(tenants):
    one, other = tenants
    refused = [
        other.edit(**{"x-portkey-config": one.ids["config"]}),
        other.edit(**{"x-portkey-virtual-key": one.ids["virtual key"]}),
        other.edit(Prefer="respond-async", data={"webhook": one.ids["endpoint"]}),
    ]
    assert {answer.status_code for answer in refused} <= {400, 404}
    assert not any(name in answer.text for answer in refused for name in ("sk-0123456789",))


@pytest.mark.parametrize(
    "identifier",
    [
        "..",
        "%2e%2e%2fapi-keys",
        "..%2f..%2ftenants",
        "%00",
        "a%2fb",
        "ключ",
        "%f0%9f%94%91",
        "x" * 300,
    ],
)
def test_hostile_id_is_not_found_at_every_route(tenants, identifier):
    one, _ = tenants
    answers = {}
    for prefix in OWNED:
        path = prefix[: prefix.index("{")] + identifier
        status = one.call("GET", path, allow_redirects=False).status_code
        if status not in (400, 404, 405):
            answers[path] = status
    assert answers == {}
