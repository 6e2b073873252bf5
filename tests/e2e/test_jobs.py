"""Tests of jobs over `make run`: real processes, the local queue, and a worker that is killed."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from retouch.api.stored_request import encode_event
from retouch.core.settings import Settings
from retouch.gateway.authentication import Principal
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.local.job_folder import RequestFolder
from retouch.infrastructure.stores.order_stores import order_stores
from retouch.orders.order import order_key
from retouch.orders.transitions import JobDetails, queue_job
from tests.support.images import b64, box_mask, data_url, photo
from tests.support.job_client import wait_for_job
from tests.support.orders import claim
from tests.support.upstream import Upstream, json_response
from tests.support.waits import wait_until

ROOT = Path(__file__).parents[2]
OPEN_SCOPE = sha256(b"").hexdigest()  # of callers without any key, at an open gateway
WORKER_ROOT = Path(__file__).parent / "worker_steps"
ASYNC = {"Prefer": "respond-async"}
FILES: Any = {"image": ("a.png", photo(64, 64)), "prompt": (None, "p")}
SUCCESS = {"created": 1, "data": [{"b64_json": b64(photo(64, 64))}]}


def find_done_order(table, key):
    """Return the order when it is done, else None."""
    order = table.read(key)
    return order if order and order.state == "done" else None


def read_job(location):
    return requests.get(location, timeout=30).json()


@pytest.fixture(scope="module")
def url():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, s3=True) as gateway:
        yield gateway.url


def test_newcomer_sees_a_job_finish_and_fetches_its_image(url):
    files = {**FILES, "mask": ("m.png", box_mask(64, 64))}
    response = requests.post(f"{url}/v1/images/edits", files=files, headers=ASYNC, timeout=30)
    assert response.status_code == 202
    job = wait_for_job(response.headers["Location"])
    assert job["status"] == "completed"
    image = requests.get(f"{response.headers['Location']}/content", timeout=30)
    assert image.content.startswith(b"\x89PNG")


def worker_pids(gateway):
    return [pid for pid in gateway.pids if Path(psutil.Process(pid).cwd()).name == "worker"]


def test_job_of_a_killed_worker_ends_and_is_bought_once():
    slow = json_response(SUCCESS)
    slow.delay = 30.0
    with Upstream(slow) as upstream:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": upstream.url,
            "RETOUCH_LEASE_MARGIN_SECONDS": "1",
            "RETOUCH_LEAST_CALL_SECONDS": "0",
        }
        timeouts = Timeouts(function=6.0)
        with DevServer(env=env, s3=True, timeouts=timeouts) as gateway:
            fields = {**FILES, "model": (None, "gpt-image-2")}
            response = requests.post(
                f"{gateway.url}/v1/images/edits", files=fields, headers=ASYNC, timeout=30
            )
            assert response.status_code == 202, response.text
            while not upstream.calls:
                time.sleep(0.02)
            for pid in worker_pids(gateway):
                os.kill(pid, signal.SIGKILL)
            job = wait_for_job(response.headers["Location"])
    assert (job["status"], job["billed"]) == ("failed", "unknown")
    assert job["error"]["code"] == "order_outcome_unknown"
    assert len(upstream.calls) == 1


def test_job_whose_message_was_lost_is_made_after_a_sweep(tmp_path):
    settings = Settings.from_env({"RETOUCH_ORDERS_FOLDER": str(tmp_path)})
    stores = order_stores(settings, AwsClients())
    assert stores is not None
    edit = {
        "model": "local/erase",
        "images": [data_url(photo(64, 64))],
        "mask": {"image_url": data_url(box_mask(64, 64))},
    }
    now = int(time.time()) - 100
    details = JobDetails("local/erase", now + 3600)
    request = claim(lease=now, validity=3600)
    order = stores.table.write(queue_job(None, request, details, now), None)
    RequestFolder(str(tmp_path)).put(order.id, encode_event(edit, Principal(is_operator=True)))
    env = {"RETOUCH_AUTH_MODE": "open", "RETOUCH_ORDERS_FOLDER": str(tmp_path)}
    with DevServer(env=env, s3=True, sweep_seconds=1):
        order = wait_until(lambda: find_done_order(stores.table, order.key))
    assert (order.status, order.billed) == (200, "no")


# The step at which the worker is killed, how the job ends, and the number of paid calls.
STEPS = [
    ("before accepted", "completed", 1),
    ("after accepted", "completed", 1),
    ("before sent", "completed", 1),
    ("after sent", "failed", 0),
    ("before call", "failed", 0),
    ("after call", "failed", 1),
    ("before answer", "failed", 1),
    ("after answer", "completed", 1),
    ("before done", "completed", 1),
    ("after done", "completed", 1),
]


# The clocks of workers differ by less than a lease, as ten minutes do on AWS, where it is sixteen.
@pytest.mark.parametrize("clocks", ["", pytest.param("-4,0,4", marks=pytest.mark.slow)])
def test_job_of_a_worker_that_is_killed_at_any_step_ends_and_is_bought_at_most_once(
    tmp_path, clocks
):
    with Upstream(json_response(SUCCESS)) as upstream:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": upstream.url,
            "RETOUCH_LEASE_MARGIN_SECONDS": "1",
            "RETOUCH_LEAST_CALL_SECONDS": "0",
            "CRASH_STEPS": str(tmp_path),
            "CRASH_CLOCKS": clocks,
            "PYTHONPATH": str(ROOT),
        }
        with DevServer(
            env=env,
            s3=True,
            workers=Workers(2, 12),
            timeouts=Timeouts(function=5.0),
            worker_root=WORKER_ROOT,
            sweep_seconds=3.0,
        ) as gateway:

            def crash(step):
                key = step.replace(" ", "-")
                (tmp_path / order_key(f"http:{OPEN_SCOPE}", key)).write_text(step)
                response = requests.post(
                    f"{gateway.url}/v1/images/edits",
                    files={**FILES, "prompt": (None, key), "model": (None, "gpt-image-2")},
                    headers={**ASYNC, "Idempotency-Key": key},
                    timeout=30,
                )
                assert response.status_code == 202, response.text
                return wait_for_job(response.headers["Location"], seconds=60)

            with ThreadPoolExecutor(len(STEPS)) as pool:
                jobs = list(pool.map(crash, [step for step, _, _ in STEPS]))
    left = [file.name for file in tmp_path.iterdir() if not file.name.startswith("clock-")]
    assert left == []  # every worker was killed
    for job, (step, status, paid) in zip(jobs, STEPS, strict=True):
        calls = sum(step.replace(" ", "-").encode() in call.body for call in upstream.calls)
        billed = "yes" if status == "completed" else "unknown"
        assert (step, job["status"], job["billed"], calls) == (step, status, billed, paid)


def test_worker_that_is_stopped_beyond_its_lease_buys_nothing_twice_and_changes_no_answer(tmp_path):
    with Upstream(json_response(SUCCESS)) as upstream:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": upstream.url,
            "RETOUCH_LEASE_MARGIN_SECONDS": "-18",  # a lease ends two seconds after its claim
            "RETOUCH_LEAST_CALL_SECONDS": "0",
            "CRASH_STEPS": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        }
        with DevServer(
            env=env,
            s3=True,
            workers=Workers(1, 4),
            timeouts=Timeouts(function=20.0),
            worker_root=WORKER_ROOT,
            sweep_seconds=0.5,
        ) as gateway:

            def stop_and_continue(key, step):
                """Return the job before and after the worker goes on that was stopped at a step."""
                file = tmp_path / order_key(f"http:{OPEN_SCOPE}", key)
                file.write_text(f"stop {step}")
                response = requests.post(
                    f"{gateway.url}/v1/images/edits",
                    files={**FILES, "prompt": (None, key), "model": (None, "gpt-image-2")},
                    headers={**ASYNC, "Idempotency-Key": key},
                    timeout=30,
                )
                location = response.headers["Location"]
                while not file.read_text().isdigit():
                    time.sleep(0.02)
                meanwhile = wait_for_job(location)
                os.kill(int(file.read_text()), signal.SIGCONT)
                return meanwhile, location

            with ThreadPoolExecutor(2) as pool:
                unpaid = pool.submit(stop_and_continue, "unpaid", "before sent")
                paid = pool.submit(stop_and_continue, "paid", "before answer")
            first, location = unpaid.result()
            assert first["status"] == "completed"
            unknown, paid_location = paid.result()
            assert unknown["error"]["code"] == "order_outcome_unknown"
            wait_until(lambda: read_job(paid_location)["status"] == "completed")
            time.sleep(1.5)  # the worker that was stopped would change the answer within this time
            assert read_job(location) == first
    calls = [sum(key in call.body for call in upstream.calls) for key in (b"unpaid", b"\r\npaid")]
    assert calls == [1, 1]
