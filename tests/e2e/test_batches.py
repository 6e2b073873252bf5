"""Tests of batches with the OpenAI SDK and real processes: crashes of feeder, workers and finaliser, lost answers."""

import base64
import json
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import boto3
import openai
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from tests.support.batches import BATCHES_DEFINITION, batch_line
from tests.support.batches import TABLE as BATCHES_TABLE
from tests.support.event_source import EventSource
from tests.support.images import b64, data_url, photo
from tests.support.lost_answers import LosingProxy
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, moto_server
from tests.support.upstream import Upstream, json_response

IMAGE = photo(64, 64)
SUCCESS = {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}
BAD_PICTURE = data_url(b"no image")
# A line whose worker dies between the send mark and the stored answer has an unknown outcome. At these it has none.
LINE_STEPS = ("before accepted", "after accepted", "after answer", "before done", "after done")
BATCH_STEPS = (
    "before in_progress",
    "after in_progress",
    "before lines",
    "after lines",
    "before step",
    "after step",
    "before finalizing",
    "after finalizing",
    "before file",
    "after file",
    "before record",
    "after record",
    "before completed",
    "after completed",
)


@contextmanager
def aws_environment(visibility_seconds):
    """Yield the settings of a gateway on moto with lost answers of the database, its proxy, and the queues."""
    with moto_server() as port, ExitStack() as stack:
        proxy = LosingProxy(port)
        stack.callback(proxy.close)
        url = f"http://127.0.0.1:{port}"
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        session.client("dynamodb", endpoint_url=url).create_table(**BATCHES_DEFINITION)
        sqs = session.client("sqs", endpoint_url=url)
        edits, lines = (
            sqs.create_queue(
                QueueName=name, Attributes={"VisibilityTimeout": str(visibility_seconds)}
            )["QueueUrl"]
            for name in ("edits", "lines")
        )
        env = {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
            "RETOUCH_ORDERS_TABLE": TABLE,
            "RETOUCH_BATCHES_TABLE": BATCHES_TABLE,
            "RETOUCH_BUCKET": BUCKET,
            "RETOUCH_EDITS_QUEUE": edits,
            "RETOUCH_BATCHES_QUEUE": lines,
        }
        yield env, proxy, url, edits, lines


@contextmanager
def crashing_gateway(kills, function_seconds):
    """Yield a gateway whose workers die at the steps in a folder, a client, and the provider."""
    visibility = round(function_seconds) + 2
    with Upstream(json_response(SUCCESS)) as provider, aws_environment(visibility) as aws:
        env, proxy, sqs_url, edits, lines = aws
        env |= {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "sk",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
            "RETOUCH_LEASE_MARGIN_SECONDS": "1",
            "RETOUCH_LEAST_CALL_SECONDS": "0.1",
            "BATCH_KILLS": str(kills),
        }
        with ExitStack() as stack:
            server = stack.enter_context(
                DevServer(
                    env=env,
                    workers=Workers(1, 8),
                    worker_root=Path(__file__).parent / "batch_steps",
                    timeouts=Timeouts(function=function_seconds),
                )
            )
            stack.enter_context(EventSource(server, sqs_url, edits, threads=2))
            stack.enter_context(EventSource(server, sqs_url, lines, threads=5))
            client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
            yield client, provider, proxy


def ask_for_kills(folder, line_kills, batch_kills):
    """Write a file for each process that is to die."""
    for kind, steps, count in (
        ("line", LINE_STEPS, line_kills),
        ("batch", BATCH_STEPS, batch_kills),
    ):
        for number in range(count):
            (folder / f"{kind} {steps[3 * number % len(steps)]}.{number}").touch()


def make_batch(client, lines):
    file = client.files.create(
        file=("in.jsonl", "\n".join(map(json.dumps, lines)).encode()), purpose="batch"
    )
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/images/edits", completion_window="24h"
    )


def wait_for_end(client, batch, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # The table may be slow while many processes start.
        with suppress(openai.InternalServerError, openai.APIConnectionError):
            batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.2)
    raise AssertionError(f"the batch did not end: {batch}")


def read_lines(client, file_id):
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def run_with_kills(folder, count, bad, line_kills, batch_kills, function_seconds, seconds):
    """Run a batch of which `bad` lines have no image, while processes die and answers of the database are lost."""
    ask_for_kills(folder, line_kills, batch_kills)
    step = count // bad
    lines = [
        batch_line(number, **({"picture": BAD_PICTURE} if number % step == 3 else {}))
        for number in range(count)
    ]
    with crashing_gateway(folder, function_seconds) as (client, provider, proxy):
        proxy.lose(b".PutItem", times=count // 10, every=7)
        batch = wait_for_end(client, make_batch(client, lines), seconds)
        assert proxy.lost == count // 10
        output = read_lines(client, batch.output_file_id)
        errors = read_lines(client, batch.error_file_id)
        prompts = Counter(prompt_of(call) for call in provider.calls)
    assert batch.status == "completed"
    counts = batch.request_counts
    assert counts
    assert (counts.total, counts.completed, counts.failed) == (count, count - bad, bad)
    assert [line["custom_id"] for line in output] == [
        line["custom_id"] for n, line in enumerate(lines) if n % step != 3
    ]
    assert [line["custom_id"] for line in errors] == [
        line["custom_id"] for n, line in enumerate(lines) if n % step == 3
    ]
    assert {line["error"]["code"] for line in errors} == {"unsupported_image_format"}
    assert set(prompts.values()) == {1}
    assert len(prompts) == count - bad
    return len(list(folder.glob("done *")))


def prompt_of(call):
    """Return the prompt of a request to the provider."""
    return call.body.partition(b"prompt-")[2].partition(b"-")[0]


def test_batch_of_60_lines_is_bought_once_while_processes_die(tmp_path):
    assert run_with_kills(tmp_path, 60, 6, 5, 5, function_seconds=5.0, seconds=110) >= 8


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_batch_of_1000_lines_is_bought_once_while_50_processes_die(tmp_path):
    assert run_with_kills(tmp_path, 1000, 20, 46, 8, function_seconds=45.0, seconds=1700) >= 50


@pytest.fixture(scope="module")
def gateway():
    with Upstream(json_response(SUCCESS)) as provider:
        env = {
            "RETOUCH_AUTH_MODE": "open",
            "OPENAI_API_KEY": "sk",
            "OPENAI_BASE_URL": f"{provider.url}/v1",
        }
        with DevServer(env=env, workers=2, s3=True) as server:
            yield server, provider


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=f"{gateway[0].url}/v1", api_key="none", max_retries=0)


def test_sdk_lists_reads_and_deletes_files_and_batches(client):
    batch = make_batch(client, [batch_line(0)])
    file = client.files.retrieve(batch.input_file_id)
    assert (file.purpose, file.filename) == ("batch", "in.jsonl")
    assert read_lines(client, file.id)[0]["custom_id"] == "line-0"
    ended = wait_for_end(client, batch, 60)
    assert next(iter(client.batches.list(limit=1))).id == batch.id
    (image,) = read_lines(client, ended.output_file_id)[0]["response"]["body"]["data"]
    assert requests.get(image["url"], timeout=30).content.startswith(b"\x89PNG")
    ids = {one.id for one in client.files.list(limit=1)}
    assert {file.id, ended.output_file_id} <= ids
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (batch_line(2), "duplicate_custom_id"),
        (batch_line(6, url="/v1/chat/completions"), "invalid_url"),
        ("{broken", "invalid_json_line"),
    ],
)
def test_sdk_sees_the_invalid_line_of_a_failed_batch(client, gateway, line, code):
    gateway[1].received.clear()
    texts = [json.dumps(batch_line(number)) for number in range(6)]
    texts += [line if isinstance(line, str) else json.dumps(line), json.dumps(batch_line(7))]
    file = client.files.create(file=("in.jsonl", "\n".join(texts).encode()), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/images/edits", completion_window="24h"
    )
    failed = wait_for_end(client, batch, 30)
    assert failed.status == "failed"
    assert [(error.line, error.code) for error in failed.errors.data] == [(7, code)]
    assert gateway[1].calls == []


def test_upload_is_the_input_of_a_batch(client, gateway):
    invitation = requests.post(
        f"{gateway[0].url}/v1/uploads", json={"content_type": "application/jsonl"}, timeout=30
    ).json()
    assert invitation["max_bytes"] == 200_000_000
    data = json.dumps(batch_line(0)).encode()
    stored = requests.post(
        invitation["url"], data=invitation["fields"], files={"file": data}, timeout=30
    )
    assert stored.status_code in (200, 204)
    batch = client.batches.create(
        input_file_id=invitation["id"], endpoint="/v1/images/edits", completion_window="24h"
    )
    assert wait_for_end(client, batch, 60).status == "completed"


def test_sdk_cancels_a_batch_and_gets_what_was_bought(client, gateway):
    slow = json_response(SUCCESS)
    slow.delay = 1.0
    gateway[1].responses[:] = [slow]
    gateway[1].received.clear()
    batch = make_batch(client, [batch_line(number) for number in range(30)])
    while not gateway[1].calls:
        time.sleep(0.05)
    assert client.batches.cancel(batch.id).status == "cancelling"
    ended = wait_for_end(client, batch, 60)
    assert ended.status == "cancelled"
    bought = len(gateway[1].calls)
    assert 1 <= bought < 10
    assert ended.request_counts.completed == bought
    assert len(read_lines(client, ended.output_file_id)) == bought
    gateway[1].responses[:] = [json_response(SUCCESS)]


def test_live_job_overtakes_a_batch(client, gateway):
    slow = json_response(SUCCESS)
    slow.delay = 0.5
    gateway[1].responses[:] = [slow]
    batch = make_batch(client, [batch_line(number) for number in range(20)])
    while not gateway[1].calls:
        time.sleep(0.05)
    response = requests.post(
        f"{gateway[0].url}/v1/images/edits",
        files={"image": ("a.png", base64.b64decode(b64(IMAGE)))},
        data={"model": "gpt-image-2", "prompt": "p"},
        headers={"Prefer": "respond-async, wait=30"},
        timeout=60,
    )
    assert response.status_code == 200, response.text
    assert client.batches.retrieve(batch.id).status == "in_progress"
    client.batches.cancel(batch.id)
    gateway[1].responses[:] = [json_response(SUCCESS)]
