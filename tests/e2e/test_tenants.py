"""Tests of tenants over sockets: Portkey's SDK at the admin API of `make run`, isolation, and what is never shown."""

import json
import subprocess
import time

import pytest
import requests
from portkey_ai import Portkey

from devserver.server import DevServer
from retouch.gateway.authentication import key_digest
from tests.support.images import box_mask, photo
from tests.support.mirror import ImageHost
from tests.support.node_sdk import node_folder as node_folder

ADMIN_KEY = "rt_admin-canary-" + "A" * 32
PROVIDER_KEY = "sk-canary-of-a-virtual-key-7c1e"
IMAGE, MASK = photo(64, 64), box_mask(64, 64)
MODEL = "openai/gpt-image-2"


@pytest.fixture(scope="module")
def image_host():
    with ImageHost() as server:
        server.files["/a.png"] = IMAGE
        yield server


@pytest.fixture(scope="module")
def url(provider, image_host, tmp_path_factory):
    env = {
        "RETOUCH_AUTH_MODE": "keys",
        "RETOUCH_ADMIN_KEY": ADMIN_KEY,
        "RETOUCH_TENANTS_FOLDER": str(tmp_path_factory.mktemp("tenants")),
        "RETOUCH_FETCH_ALLOW": image_host.url.removeprefix("http://"),
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
    }
    with DevServer(env=env, workers=1, s3=True) as running:
        yield running.url


@pytest.fixture(scope="module")
def admin(url):
    return Portkey(api_key=ADMIN_KEY, base_url=f"{url}/v1")


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def new_key(admin, workspace, **fields):
    return admin.api_keys.create(
        type="workspace", sub_type="service", name="shop", workspace_id=workspace.id, **fields
    )


def edit(url, key, headers=None, **fields):
    form = {"model": MODEL, "prompt": "p", **fields}
    files = {"image": ("a.png", IMAGE, "image/png")}
    sent = {**bearer(key), **(headers or {})}
    return requests.post(f"{url}/v1/images/edits", files=files, data=form, headers=sent, timeout=60)


def test_portkey_sdk_creates_lists_updates_uses_and_deletes_keys(url, admin, upstream):
    workspace = admin.admin.workspaces.create(name="Acme", description="a customer")
    made = new_key(
        admin,
        workspace,
        scopes=["completions.write"],
        usage_limits={"credit_limit": 5, "periodic_reset": "monthly"},
        rate_limits=[{"type": "requests", "unit": "rpm", "value": 100}],
    )
    assert made.key.startswith("rt_")
    listed = admin.api_keys.list(workspace_id=workspace.id)
    assert (listed.object, listed.total, listed.data[0]["id"]) == ("list", 1, made.id)
    admin.api_keys.update(id=made.id, name="web-shop")
    found = admin.api_keys.retrieve(id=made.id)
    assert (found.name, found.usage_limits["credit_limit"]) == ("web-shop", 5)
    caller = Portkey(api_key=made.key, base_url=f"{url}/v1")
    answer = caller.images.edit(model=MODEL, image=("a.png", IMAGE), prompt="p")
    assert answer.data
    assert len(upstream.calls) == 1
    admin.api_keys.delete(id=made.id)
    assert admin.api_keys.list(workspace_id=workspace.id).total == 0
    admin.admin.workspaces.update(workspace_id=workspace.id, name="Acme Inc")
    assert admin.admin.workspaces.retrieve(workspace_id=workspace.id).name == "Acme Inc"
    admin.admin.workspaces.delete(workspace_id=workspace.id)


def test_portkey_sdk_saves_virtual_keys_providers_and_configs(url, admin, upstream):
    workspace = admin.admin.workspaces.create(name="Beta")
    made = admin.virtual_keys.create(
        name="main", provider="openai", key=PROVIDER_KEY, workspace_id=workspace.id
    )
    assert admin.virtual_keys.list(workspace_id=workspace.id).total == 1
    admin.virtual_keys.update(slug=made.slug, note="ours")
    assert admin.virtual_keys.retrieve(slug=made.slug).note == "ours"
    assert admin.providers.retrieve(slug=made.slug, workspace_id=workspace.id).slug == made.slug
    config = {"virtual_key": made.slug, "override_params": {"model": "gpt-image-2"}}
    saved = admin.configs.create(name="main", config=config, workspace_id=workspace.id)
    assert admin.configs.retrieve(slug=saved.id).config == config
    assert admin.configs.list(workspace_id=workspace.id).total == 1
    changed = admin.configs.update(slug=saved.id, name="renamed", config=config)
    assert changed.version_id != saved.version_id
    key = new_key(admin, workspace).key
    caller = Portkey(api_key=key, base_url=f"{url}/v1", config=saved.id)
    caller.images.edit(image=("a.png", IMAGE), prompt="p")
    assert upstream.calls[0].headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    admin.configs.delete(slug=saved.id)
    admin.virtual_keys.delete(slug=made.slug)
    assert admin.virtual_keys.list(workspace_id=workspace.id).total == 0


def test_portkey_node_sdk_creates_lists_updates_uses_and_deletes(
    url, node_folder, tmp_path, upstream
):
    (tmp_path / "image.png").write_bytes(IMAGE)
    command = ["node", "admin.mjs", f"{url}/v1", ADMIN_KEY, str(tmp_path / "image.png")]
    completed = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, timeout=60)
    assert completed.returncode == 0, completed.stderr
    report = json.loads(completed.stdout)
    assert report == {"key": "rt_", "name": "web-shop", "total": 1, "images": 1, "left": 0}
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-of-node-0123456789"


@pytest.fixture(scope="module")
def tenants(url, admin):
    """Return two keys of one workspace, and one of another."""
    one, other = (admin.admin.workspaces.create(name=name) for name in ("one", "other"))
    return [new_key(admin, workspace).key for workspace in (one, one, other)]


def test_upload_belongs_to_its_workspace(url, tenants, upstream):
    invited = requests.post(f"{url}/v1/uploads", headers=bearer(tenants[0]), timeout=30).json()
    files = {"file": ("a.png", IMAGE)}
    stored = requests.post(invited["url"], data=invited["fields"], files=files, timeout=30)
    assert stored.ok, stored.text
    statuses = [
        requests.post(
            f"{url}/v1/images/edits",
            files={"mask": ("m.png", MASK)},
            data={"prompt": "p", "image": f"upload://{invited['id']}", "model": "local/erase"},
            headers=bearer(key),
            timeout=60,
        ).status_code
        for key in tenants
    ]
    assert statuses == [200, 200, 404]


def test_cache_belongs_to_its_workspace(url, tenants, upstream):
    config = {"cache": {"mode": "simple"}, "override_params": {"model": "gpt-image-2"}}
    headers = {"x-portkey-config": json.dumps({"provider": "openai", **config})}
    statuses = [
        edit(url, key, headers, prompt="cached").headers["x-portkey-cache-status"]
        for key in tenants
    ]
    assert statuses == ["MISS", "HIT", "MISS"]


def test_order_and_job_belong_to_their_workspace(url, tenants, upstream):
    headers = {"Idempotency-Key": "one-order"}
    orders = [edit(url, key, headers).headers["x-retouch-order"] for key in tenants]
    assert orders[0] == orders[1] != orders[2]
    assert len(upstream.calls) == 2
    job = edit(url, tenants[0], {"Prefer": "respond-async"}, prompt="job").json()
    for path in ("", "/content"):
        path = f"{url}/v1/images/edits/{job['id']}{path}"
        for _ in range(100):
            mine = requests.get(path, headers=bearer(tenants[1]), allow_redirects=False, timeout=30)
            if mine.status_code != 404:
                break
            time.sleep(0.1)
        assert mine.status_code in (200, 302)
        assert requests.get(path, headers=bearer(tenants[2]), timeout=30).status_code == 404
    cancelled = requests.post(
        f"{url}/v1/images/edits/{job['id']}/cancel", headers=bearer(tenants[2]), timeout=30
    )
    assert cancelled.status_code == 404


def test_mirrored_object_belongs_to_its_workspace(url, tenants, image_host):
    def mirror(key, owner):
        body = {"url": f"{image_host.url}/a.png", "metadata": {"owner": owner}}
        answer = requests.post(f"{url}/v1/mirror", json=body, headers=bearer(key), timeout=60)
        return answer.json()["data"][0]

    first, second, third = (mirror(key, str(number)) for number, key in enumerate(tenants))
    assert first["key"] == second["key"] != third["key"]
    assert third["status"] == first["status"]


def test_no_secret_is_in_any_answer_audit_row_or_log(provider, tmp_path, capfd):
    env = {
        "RETOUCH_ADMIN_KEY": ADMIN_KEY,
        "RETOUCH_AUTH_MODE": "keys",
        "RETOUCH_TENANTS_FOLDER": str(tmp_path),
        "OPENAI_BASE_URL": f"{provider.url}/v1",
    }
    answers, secrets = [], [PROVIDER_KEY, ADMIN_KEY]
    with DevServer(env=env) as gateway:

        def call(method, path, body=None, key=ADMIN_KEY):
            answer = requests.request(
                method, gateway.url + path, json=body, headers=bearer(key), timeout=60
            )
            document = answer.json()
            if "key" in document and str(document["key"]).startswith("rt_"):
                secrets.append(document.pop("key"))
            answers.append(json.dumps(document) + str(dict(answer.headers)))
            return document

        workspace = call("POST", "/v1/admin/workspaces", {"name": "acme"})["id"]
        body = {"name": "shop", "workspace_id": workspace}
        made = call("POST", "/v1/api-keys/workspace/service", body)["id"]
        call("POST", f"/v1/api-keys/{made}/rotate", {"key_transition_period_ms": 3_600_000})
        body = {"name": "v", "provider": "openai", "key": PROVIDER_KEY, "workspace_id": workspace}
        slug = call("POST", "/v1/virtual-keys", body)["slug"]
        call("PUT", f"/v1/virtual-keys/{slug}", {"key": PROVIDER_KEY})
        call("POST", "/v1/configs", {"name": "c", "config": {"api_key": PROVIDER_KEY}})
        call("POST", "/v1/virtual-keys", {"name": "v", "provider": "x", "key": PROVIDER_KEY})
        call("POST", "/v1/virtual-keys", {"name": "v", "provider": "openai", "key": ADMIN_KEY})
        call("GET", f"/v1/api-keys/{made}", key=secrets[2])
        for path in ("api-keys", "virtual-keys", "configs", "admin/workspaces", "audit-logs"):
            call("GET", f"/v1/{path}")
        edit(gateway.url, secrets[2], {"x-portkey-virtual-key": slug}, model="gpt-image-2")
        call("DELETE", f"/v1/virtual-keys/{slug}")
        call("DELETE", f"/v1/admin/workspaces/{workspace}")
        call("GET", "/v1/audit-logs")
    printed = capfd.readouterr()
    assert len(secrets) == 4
    pepper = (tmp_path / "pepper").read_text()
    digests = [key_digest(secret, pepper) for secret in secrets]
    shown = "".join(answers) + printed.out + printed.err
    assert '"operation":"POST /v1/virtual-keys"' in shown
    assert [text for text in (*secrets, *digests, pepper) if text in shown] == []
    stored = (tmp_path / "tenants.sqlite").read_bytes()
    assert [secret for secret in secrets if secret.encode() in stored] == []
