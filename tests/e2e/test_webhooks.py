"""Tests of webhooks over `make run`, with OpenAI's SDK, the official verifiers, and a sender that is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import requests
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from devserver.ports import unused_port
from devserver.server import DevServer
from devserver.settings import EXAMPLE_RECEIVER, Timeouts
from retouch.core.credentials.webhook_signature import signature_headers, signing_key
from tests.support.node_sdk import node_folder as node_folder
from tests.support.upstream import ScriptedResponse, Upstream
from tests.support.waits import wait_until

ROOT = Path(__file__).parents[2]
MASKED: Any = {
    "image": ("a.png", (ROOT / "events" / "photo.png").read_bytes()),
    "mask": ("m.png", (ROOT / "events" / "mask.png").read_bytes()),
    "prompt": (None, "the ball"),
}
COMPLETED: Any = ["image.edit.completed"]


@pytest.fixture(scope="module")
def receiver():
    with Upstream(ScriptedResponse(204)) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def gateway(receiver):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "RETOUCH_WEBHOOK_ALLOW": receiver.url.removeprefix("http://"),
        "RETOUCH_WEBHOOK_SCHEDULE": "1,1,1",
        "RETOUCH_LEASE_MARGIN_SECONDS": "1",
    }
    with DevServer(env=env, s3=True, timeouts=Timeouts(function=6.0)) as gateway:
        yield gateway


@pytest.fixture
def client(gateway):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)
    yield client
    for endpoint in client.webhooks.list():
        client.webhooks.delete(endpoint.id)


def start_job(gateway, endpoint_id):
    response = requests.post(
        f"{gateway.url}/v1/images/edits",
        files={**MASKED, "webhook": (None, endpoint_id)},
        headers={"Prefer": "respond-async"},
        timeout=30,
    )
    assert response.status_code == 202, response.text
    return response.json()["id"]


@pytest.fixture
def received(gateway, client, receiver):
    """Return a delivered request of a job, and the secret of its endpoint."""
    receiver.received.clear()
    receiver.responses[:] = [ScriptedResponse(204)]
    endpoint = client.webhooks.create(name="r", url=receiver.url, event_types=COMPLETED)
    job = start_job(gateway, endpoint.id)
    request = wait_until(lambda: receiver.received and receiver.received[0])
    assert request.json()["data"]["id"] == job
    return request, endpoint.signing_secret


def tampered(request):
    """Yield requests that a verifier must refuse: (what is changed, body, headers)."""
    body, headers = request.body, request.headers
    yield "body", body.replace(b"completed", b"cancelled"), headers
    yield "one byte", body[:-1] + b" ", headers
    yield "id", body, {**headers, "webhook-id": "msg_other"}
    late = str(int(headers["webhook-timestamp"]) + 1)
    yield "time", body, {**headers, "webhook-timestamp": late}


def old_headers(request, secret):
    """Return the headers of a request that was signed 301 seconds ago."""
    timestamp = int(time.time()) - 301
    return signature_headers(
        [signing_key(secret)], request.headers["webhook-id"], timestamp, request.body
    )


def test_python_verifiers_accept_an_event_and_refuse_a_changed_one(received, client):
    request, secret = received
    webhook = Webhook(secret)
    assert webhook.verify(request.body, request.headers) == request.json()
    client.webhooks.verify_signature(request.body, request.headers, secret=secret)
    cases = [*tampered(request), ("age", request.body, old_headers(request, secret))]
    for _, body, headers in cases:
        with pytest.raises(WebhookVerificationError):
            webhook.verify(body, headers)
        with pytest.raises(openai.InvalidWebhookSignatureError):
            client.webhooks.verify_signature(body, headers, secret=secret)
    assert client.webhooks.unwrap(request.body, request.headers, secret=secret).id


def test_node_verifiers_accept_an_event_and_refuse_a_changed_one(received, node_folder):
    request, secret = received
    cases = [
        ("unchanged", request.body, request.headers),
        *tampered(request),
        ("age", request.body, old_headers(request, secret)),
    ]
    signed = [
        {"name": name, "body": body.decode(), "headers": dict(headers)}
        for name, body, headers in cases
    ]
    completed = subprocess.run(
        ["node", "webhooks.mjs"],
        input=json.dumps({"secret": secret, "cases": signed}),
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0, completed.stderr
    report = json.loads(completed.stdout)
    for verifier in ("standardwebhooks", "openai"):
        assert report[verifier] == {name: name == "unchanged" for name, _, _ in cases}


def test_old_and_new_verifiers_accept_an_event_after_a_rotation_with_overlap(
    gateway, client, receiver
):
    receiver.received.clear()
    created = client.webhooks.create(name="r", url=receiver.url, event_types=COMPLETED)
    rotated = client.webhooks.rotate_secret(created.id, keep_old_secret_active_for_24_hours=True)
    start_job(gateway, created.id)
    request = wait_until(lambda: receiver.received and receiver.received[0])
    for secret in (created.signing_secret, rotated.signing_secret):
        Webhook(secret).verify(request.body, request.headers)
        client.webhooks.verify_signature(request.body, request.headers, secret=secret)
    client.webhooks.rotate_secret(created.id)
    receiver.received.clear()
    start_job(gateway, created.id)
    request = wait_until(lambda: receiver.received and receiver.received[0])
    for secret in (created.signing_secret, rotated.signing_secret):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(request.body, request.headers)


def test_sdk_of_openai_manages_endpoints_unchanged(client, receiver):
    receiver.responses[:] = [ScriptedResponse(204)]
    created = client.webhooks.create(name="a", url=receiver.url, event_types=COMPLETED)
    assert created.signing_secret.startswith("whsec_")
    assert created.signing_secret_hint
    assert client.webhooks.retrieve(created.id).name == "a"
    changed = client.webhooks.update(created.id, name="b")
    assert (changed.name, changed.url) == ("b", receiver.url)
    assert [one.id for one in client.webhooks.list(limit=1)] == [created.id]
    assert "image.edit.failed" in client.webhooks.event_types.list().data
    sample: Any = "image.edit.failed"
    result = client.webhooks.test(created.id, event_type=sample)
    assert (result.status_code, result.success) == (204, True)
    assert client.webhooks.delete(created.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.webhooks.retrieve(created.id)
    with pytest.raises(openai.BadRequestError, match="public https host"):
        client.webhooks.create(name="a", url="https://169.254.169.254/", event_types=COMPLETED)


def test_event_comes_again_until_the_receiver_accepts_it(gateway, client, receiver):
    receiver.received.clear()
    failures = [ScriptedResponse(500), ScriptedResponse(302, headers={"location": receiver.url})]
    receiver.responses[:] = [*failures, ScriptedResponse(204)]
    endpoint = client.webhooks.create(name="r", url=receiver.url, event_types=COMPLETED)
    start_job(gateway, endpoint.id)
    wait_until(lambda: len(receiver.received) == 3)
    assert len({request.body for request in receiver.received}) == 1
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1

    def delivered():
        deliveries = requests.get(
            f"{gateway.url}/v1/webhook_deliveries", params={"endpoint": endpoint.id}, timeout=30
        ).json()["data"]
        return deliveries and deliveries[0]["status"] == "delivered" and deliveries[0]

    delivery = wait_until(delivered)
    assert [attempt["status_code"] for attempt in delivery["attempts"]] == [500, 302, 204]
    again = requests.post(
        f"{gateway.url}/v1/webhook_deliveries/{delivery['id']}/redeliver", timeout=30
    )
    assert again.status_code == 200
    wait_until(lambda: len(receiver.received) == 4)
    assert receiver.received[3].body == receiver.received[0].body


def sender_pids(gateway):
    return [pid for pid in gateway.pids if Path(psutil.Process(pid).cwd()).name == "webhooks"]


def test_event_of_a_killed_sender_comes_again_with_the_same_id(gateway, client, receiver):
    receiver.received.clear()
    slow = ScriptedResponse(204)
    slow.delay = 20.0
    receiver.responses[:] = [slow, ScriptedResponse(204)]
    endpoint = client.webhooks.create(name="r", url=receiver.url, event_types=COMPLETED)
    start_job(gateway, endpoint.id)
    wait_until(lambda: len(receiver.received) == 1)
    for pid in sender_pids(gateway):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(receiver.received) == 2)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def printed_receivers():
    page = (ROOT / "docs/webhooks.md").read_text()
    return {
        language: re.findall(rf"```{language}\n(.+?)```", page, re.DOTALL)[0]
        for language in ("python", "javascript")
    }


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_printed_receiver_accepts_an_event_once_and_refuses_a_foreign_one(
    language, received, node_folder, tmp_path
):
    request, secret = received
    port = str(unused_port())
    code = printed_receivers()[language].replace(EXAMPLE_RECEIVER.partition(":")[2], port)
    if language == "python":
        (tmp_path / "receiver.py").write_text(code)
        command = [sys.executable, str(tmp_path / "receiver.py")]
    else:
        script = node_folder / "printed_receiver.mjs"
        script.write_text(code)
        command = ["node", str(script)]
    env = {**os.environ, "WEBHOOK_SECRET": secret}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_until(lambda: is_listening(url))
            assert requests.post(url, b"{}", timeout=10).status_code == 400
            malformed = {**request.headers, "webhook-signature": "v1"}
            for headers, status in (
                (request.headers, 204),
                (request.headers, 204),
                (malformed, 400),
            ):
                headers = {k: v for k, v in headers.items() if k.startswith("webhook-")}
                response = requests.post(url, request.body, headers=headers, timeout=10)
                assert response.status_code == status
        finally:
            process.terminate()
        assert process.stdout
        job = request.json()["data"]["id"]
        assert process.stdout.read().splitlines() == [f"image.edit.completed {job}"]


def is_listening(url):
    try:
        requests.get(url, timeout=2)
    except requests.RequestException:
        return False
    return True
