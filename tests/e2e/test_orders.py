"""Tests of orders with real worker processes: crashes at every step, many clients at once, and an SDK that gives up."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from retouch.orders.order import order_key
from tests.support.images import b64, photo
from tests.support.job_provider import JobProvider
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server
from tests.support.upstream import Upstream, json_response

ROOT = Path(__file__).parents[2]
IMAGE = photo(64, 64)
SUCCESS = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
OPEN_SCOPE = sha256(b"").hexdigest()  # of callers without any key, at an open gateway
FUNCTION_SECONDS = 5.0
# The step at which the process is killed, whether the repetition gets the image, and the number of paid calls.
STEPS = [
    ("before accepted", True, 1),
    ("after accepted", True, 1),
    ("before sent", True, 1),
    ("after sent", False, 0),
    ("before call", False, 0),
    ("after call", False, 1),
    ("before answer", False, 1),
    ("after answer", True, 1),
    ("before done", True, 1),
    ("after done", True, 1),
]


@contextmanager
def run_gateway(
    tmp_path_factory, has_table=False, clocks="0", margin="1", function_seconds=FUNCTION_SECONDS
):
    """Run a server whose workers end at a step, with the orders in a folder or in DynamoDB and S3."""
    steps = tmp_path_factory.mktemp("steps")
    with moto_server() as port, JobProvider(IMAGE) as provider:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "sk",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "BFL_API_KEY": "bfl",
            "BFL_BASE_URL": provider.url,
            "RETOUCH_LEASE_MARGIN_SECONDS": margin,
            "RETOUCH_LEAST_CALL_SECONDS": "0.1",
            "CRASH_STEPS": str(steps),
            "CRASH_CLOCKS": clocks,
            "PYTHONPATH": str(ROOT),
        }
        if has_table:
            names = {"RETOUCH_ORDERS_TABLE": TABLE, "RETOUCH_BUCKET": BUCKET}
            env |= {**CREDENTIALS, **names, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        with DevServer(
            env=env,
            workers=Workers(3, 8),
            task_root=Path(__file__).parent / "order_steps",
            timeouts=Timeouts(function=function_seconds),
        ) as running:
            yield Client(running, provider, steps)


# The clocks of workers differ by less than a lease, as ten minutes do on AWS, where it is sixteen.
@pytest.fixture(
    scope="module", params=["folder", "aws", pytest.param("clocks", marks=pytest.mark.slow)]
)
def gateway(request, tmp_path_factory):
    """Run a server whose workers kill themselves at a step."""
    clocks = "-4,0,4" if request.param == "clocks" else "0"
    with run_gateway(tmp_path_factory, has_table=request.param == "aws", clocks=clocks) as client:
        yield client


@pytest.fixture(scope="module")
def short_leases(tmp_path_factory):
    """Run a server whose leases end two seconds after their claim, and long before the function does."""
    with run_gateway(
        tmp_path_factory, has_table=True, margin="-18", function_seconds=20.0
    ) as client:
        yield client


class Client:
    """A client that sends edits with a key, and repeats them until it has an end."""

    def __init__(self, server, provider, steps):
        self.url, self.provider, self.steps = server.url, provider, steps

    def send(self, key, model="openai/gpt-image-2", **fields):
        return requests.post(
            f"{self.url}/v1/images/edits",
            data={"model": model, "prompt": key, **fields},
            files={"image": ("a.png", IMAGE)},
            headers={"Idempotency-Key": key},
            timeout=30,
        )

    def send_until_ended(self, key, **fields):
        """Repeat the request while a function that has crashed seems to run."""
        for _ in range(12):
            response = self.send(key, **fields)
            if response.status_code != 409:
                return response
            time.sleep(0.5)
        raise AssertionError("the order has no end")

    def die_at(self, step, key):
        (self.steps / order_key(f"http:{OPEN_SCOPE}", key)).write_text(step)

    def wait_for_stop(self, key):
        """Return the id of the process that has stopped itself for an order."""
        file = self.steps / order_key(f"http:{OPEN_SCOPE}", key)
        while not file.read_text().isdigit():
            time.sleep(0.02)
        return int(file.read_text())

    def paid_calls(self, key):
        """Return the number of calls for a key, which no other key contains."""
        return sum(key.encode() in call.body for call in self.provider.calls)


def test_killed_worker_at_every_step_buys_once_and_never_again(gateway):
    def crash_and_repeat(step):
        key = step.replace(" ", "-")
        gateway.die_at(step, key)
        crashed = gateway.send(key)
        repeated = gateway.send_until_ended(key)
        return step, crashed.status_code, repeated, gateway.paid_calls(key)

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(crash_and_repeat, [step for step, _, _ in STEPS]))
    for (step, crashed_status, repeated, calls), (_, has_image, paid) in zip(
        outcomes, STEPS, strict=True
    ):
        assert crashed_status == 502, step
        assert calls == paid, step
        if has_image:
            assert repeated.json()["data"] == [{"b64_json": b64(IMAGE)}], step
        else:
            assert repeated.json()["error"]["code"] == "order_outcome_unknown", step
            assert gateway.send(step.replace(" ", "-")).status_code == 502
            assert gateway.paid_calls(step.replace(" ", "-")) == paid


def test_killed_worker_that_polled_a_job_leaves_the_job_to_the_repetition(gateway):
    model = "black-forest-labs/flux-kontext-pro"
    gateway.die_at("after submitted", "poll-job")
    assert gateway.send("poll-job", model=model).status_code == 502
    repeated = gateway.send_until_ended("poll-job", model=model)
    assert repeated.json()["data"] == [{"b64_json": b64(IMAGE)}]
    assert gateway.paid_calls("poll-job") == 1


def test_stopped_worker_that_has_paid_heals_its_order_and_changes_no_other(short_leases):
    gateway = short_leases
    gateway.die_at("stop before answer", "paid")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gateway.send, "paid")
        stopped = gateway.wait_for_stop("paid")
        meanwhile = gateway.send_until_ended("paid")
        os.kill(stopped, signal.SIGCONT)
        late = first.result()
    assert "order_outcome_unknown" in meanwhile.text[:500], meanwhile.text[:300]
    assert late.json()["data"] == [{"b64_json": b64(IMAGE)}]
    for _ in range(2):
        repeated = gateway.send("paid")
        assert (repeated.status_code, repeated.content) == (200, late.content)
    assert gateway.paid_calls("paid") == 1


def test_stopped_worker_that_has_not_paid_loses_its_order(short_leases):
    gateway = short_leases
    gateway.die_at("stop before sent", "not-sent")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(gateway.send, "not-sent")
        stopped = gateway.wait_for_stop("not-sent")
        meanwhile = gateway.send_until_ended("not-sent")
        os.kill(stopped, signal.SIGCONT)
        late = first.result()
    assert meanwhile.json().get("data") == [{"b64_json": b64(IMAGE)}], meanwhile.text[:300]
    assert late.json()["error"]["code"] == "order_in_progress"
    assert gateway.send("not-sent").content == meanwhile.content
    assert gateway.paid_calls("not-sent") == 1


def test_twenty_clients_with_one_key_get_one_answer(gateway):
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda _: gateway.send_until_ended("twenty"), range(20)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.content for response in responses}) == 1
    assert sum("Idempotent-Replayed" in response.headers for response in responses) == 19
    assert gateway.paid_calls("twenty") == 1


def test_python_sdk_that_gives_up_twice_buys_one_edit_and_returns_the_image():
    slow = json_response(json.loads(SUCCESS.body))
    slow.delay = 3.0
    with Upstream(slow) as provider:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "sk",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
        }
        with DevServer(env=env, workers=Workers(3, 8)) as server:
            # The gateway does not know this timeout, so it sends no keep-alive bytes.
            headers: dict[str, Any] = {"x-stainless-read-timeout": openai.omit}
            client = openai.OpenAI(
                base_url=f"{server.url}/v1", api_key="none", timeout=1.0, default_headers=headers
            )
            result = client.images.edit(model="openai/gpt-image-2", image=IMAGE, prompt="p")
    assert result.data
    assert result.data[0].b64_json == b64(IMAGE)
    assert len(provider.calls) == 1
