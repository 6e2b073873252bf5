"""Budgets over real sockets: worker processes of `make run` that share a budget, and one that is killed."""

import os
import random
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from tests.support.budgets import BUDGETS_TABLE, BUDGETS_TABLE_DEFINITION
from tests.support.images import b64, photo
from tests.support.job_client import wait_for_job
from tests.support.lost_answers import UnreliableProxy
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server
from tests.support.upstream import Upstream, json_response
from tests.support.waits import wait_until

ADMIN_KEY = "rt_" + "M" * 43
IMAGE = photo(64, 64)
PRICE_USD, EDITS = 0.05, 50


@pytest.fixture(scope="module")
def provider():
    with Upstream(json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})) as server:
        yield server


@contextmanager
def run_server(provider, tenants, *, s3, **aws):
    env = {
        **aws,
        "RETOUCH_AUTH_MODE": "keys",
        "RETOUCH_ADMIN_KEY": ADMIN_KEY,
        "RETOUCH_TENANTS_FOLDER": str(tenants),
        "RETOUCH_CEILINGS": f"openai/gpt-image-2={PRICE_USD}",
        "RETOUCH_LEASE_MARGIN_SECONDS": "1",
        "OPENAI_API_KEY": "sk",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
    }
    workers, timeouts = Workers(3, 8), Timeouts(function=20)
    with DevServer(
        env=env, s3=s3, workers=workers, timeouts=timeouts, sweep_seconds=1.0
    ) as running:
        yield running


@pytest.fixture(scope="module")
def server(provider, tmp_path_factory):
    with run_server(provider, tmp_path_factory.mktemp("tenants"), s3=False) as running:
        yield running


def admin(server, path, body):
    response = requests.post(
        f"{server.url}/v1/{path}", json=body, headers=bearer(ADMIN_KEY), timeout=30
    )
    assert response.ok, response.text
    return response.json()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def make_key(server, name, dollars):
    limit = {"type": "cost", "credit_limit": dollars, "periodic_reset": "monthly"}
    workspace = admin(server, "admin/workspaces", {"name": name})["id"]
    fields = {"name": name, "workspace_id": workspace, "usage_limits": limit}
    return admin(server, "api-keys/workspace/service", fields)["key"]


def edit(server, key, headers=None):
    return requests.post(
        f"{server.url}/v1/images/edits",
        data={"model": "openai/gpt-image-2", "prompt": "p"},
        files={"image": ("a.png", IMAGE)},
        headers={**bearer(key), **(headers or {})},
        timeout=60,
    )


def quota(server, key):
    response = requests.get(f"{server.url}/v1/quota", headers=bearer(key), timeout=30)
    assert response.ok, response.text
    (limit,) = response.json()["limits"]
    return limit, response.json()["concurrency"]["api_key"]["running"]


def find_order_at_risk(server):
    """Return the order of the only edit at risk, when the sweeper has written its event."""
    now = datetime.now(UTC)
    span = {
        "time_of_generation_min": (now - timedelta(hours=1)).isoformat(),
        "time_of_generation_max": (now + timedelta(hours=1)).isoformat(),
    }
    query = {**span, "billed": "unknown"}

    def read_rows():
        response = requests.get(
            f"{server.url}/v1/logs", params=query, headers=bearer(ADMIN_KEY), timeout=30
        )
        assert response.ok, response.text
        return response.json()["data"]

    return wait_until(read_rows)[0]["order"]


def test_fifty_edits_at_once_over_several_processes_buy_exactly_ten(server, provider):
    key, calls = make_key(server, "busy", EDITS * PRICE_USD / 5), len(provider.calls)
    with ThreadPoolExecutor(EDITS) as pool:
        responses = list(pool.map(lambda _: edit(server, key), range(EDITS)))
    assert Counter(one.status_code for one in responses) == {200: 10, 429: 40}
    assert len(provider.calls) - calls == 10
    limit, running = quota(server, key)
    assert (limit["remaining_usd"], limit["spent_usd"], limit["at_risk_usd"]) == (0, 0.5, 0)
    assert running == 0


@pytest.mark.parametrize(
    ("lost_share", "kills"),
    [(0.0, 0), pytest.param(0.3, 3, marks=pytest.mark.slow)],
    ids=["", "lost and killed"],
)
def test_processes_that_share_tables_of_dynamodb_never_buy_more_than_ten(
    provider, tmp_path, lost_share, kills
):
    with moto_server() as port, ExitStack() as stack:
        proxy = UnreliableProxy(port, lost_share)
        stack.callback(proxy.close)
        url, session = f"http://127.0.0.1:{port}", boto3.Session("testing", "testing")
        client = session.client("dynamodb", endpoint_url=url, region_name="us-east-1")
        client.create_table(**BUDGETS_TABLE_DEFINITION)
        env = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
            "RETOUCH_ORDERS_TABLE": TABLE,
            "RETOUCH_BUDGETS_TABLE": BUDGETS_TABLE,
            "RETOUCH_BUCKET": BUCKET,
        }
        server = stack.enter_context(run_server(provider, tmp_path, s3=False, **env))
        key, calls = make_key(server, "dynamo", EDITS * PRICE_USD / 5), len(provider.calls)
        pool = stack.enter_context(ThreadPoolExecutor(EDITS))
        statuses = [pool.submit(status_of_edit, server, key) for _ in range(EDITS)]
        for number in range(kills):
            wait_for_calls(provider, calls + 2 * number + 1)
            with suppress(ProcessLookupError):
                os.kill(random.choice(server.pids), signal.SIGKILL)
        counts = Counter(status.result() for status in statuses)
    bought = len(provider.calls) - calls
    assert 0 < bought <= 10
    assert counts[200] <= bought
    if not kills:
        assert counts[200] == bought == 10
        assert counts[429] + counts[503] == 40  # 503: the table was too slow to hold anything


def status_of_edit(server, key):
    """Return the status of an edit, or 0 when the connection broke."""
    with suppress(requests.ConnectionError):
        return edit(server, key).status_code
    return 0


def wait_for_calls(provider, number):
    wait_until(lambda: len(provider.calls) >= number)


def test_job_is_charged_by_its_worker_and_the_next_one_refused(provider, tmp_path):
    with run_server(provider, tmp_path, s3=True) as server:  # the result of a job is a link
        key = make_key(server, "jobs", PRICE_USD)
        job = edit(server, key, {"Prefer": "respond-async"})
        assert job.status_code == 202, job.text
        url = f"{server.url}/v1/images/edits/{job.json()['id']}"
        ended = wait_for_job(url, bearer(key))
        assert ended["status"] == "completed", ended
        refused = edit(server, key, {"Prefer": "respond-async"})
        assert refused.json()["error"]["code"] == "budget_exceeded"
        limit, running = quota(server, key)
    assert (limit["spent_usd"], limit["remaining_usd"], running) == (0.05, 0, 0)


def test_killed_worker_leaves_its_amount_at_risk_and_no_hold(server, provider):
    key = make_key(server, "killed", 2 * PRICE_USD)
    provider.responses[0].delay = 60.0
    calls = len(provider.calls)
    client = threading.Thread(target=edit, args=(server, key), daemon=True)
    client.start()
    wait_until(lambda: len(provider.calls) > calls)
    assert quota(server, key)[1] == 1
    for pid in server.pids:
        os.kill(pid, signal.SIGKILL)
    provider.responses[0].delay = 0.0
    # A request may still reach a process that is ending.
    wait_until(lambda: requests.get(f"{server.url}/v1/quota", headers=bearer(key), timeout=30).ok)
    wait_until(lambda: quota(server, key)[1] == 0)
    limit, _ = quota(server, key)
    assert (limit["taken_usd"], limit["spent_usd"], limit["at_risk_usd"]) == (0.05, 0.05, 0.05)
    assert [edit(server, key).status_code for _ in range(2)] == [200, 429]
    # The operator finds out that the provider has not billed the edit of the killed worker.
    admin(server, f"admin/orders/{find_order_at_risk(server)}/reconcile", {"billed": "no"})
    limit, _ = quota(server, key)
    assert (limit["spent_usd"], limit["at_risk_usd"], limit["remaining_usd"]) == (0.05, 0, 0.05)
    assert [edit(server, key).status_code for _ in range(2)] == [200, 429]
