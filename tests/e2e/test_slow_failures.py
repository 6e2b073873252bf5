"""Tests of edits that fail after a status of 200 was sent, and of edits that outlive a client's timeout."""

import json
import os
import signal
import subprocess
import threading
from itertools import count
from typing import Any

import openai
import pytest
import requests

from devserver.server import DevServer
from devserver.settings import Timeouts, Workers
from tests.support.images import b64, photo
from tests.support.node_sdk import node_folder as node_folder
from tests.support.upstream import json_response

IMAGE = photo(64, 64)
MESSAGE = "Your request was rejected by the safety system."
SUCCESS = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
EDIT: dict[str, Any] = {"model": "openai/gpt-image-2", "image": IMAGE, "prompt": "p"}


# Workers that still run an abandoned edit must not delay the next one.
WORKERS = Workers(3, 8)


def environment(provider, **settings):
    return {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-configured",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        **settings,
    }


@pytest.fixture(scope="module")
def slow_gateway(provider):
    """Run a server whose responses begin with spaces after one second, as on AWS after four minutes."""
    env = environment(provider, RETOUCH_SILENCE_SECONDS="1", RETOUCH_HEARTBEAT_SECONDS="1")
    with DevServer(env=env, workers=WORKERS) as running:
        yield running


@pytest.fixture(scope="module")
def silent_gateway(provider):
    """Run a server that sends keep-alive bytes only when the client asks for them."""
    with DevServer(env=environment(provider), workers=WORKERS) as running:
        yield running


@pytest.fixture
def slow_failure(upstream):
    response = json_response({"error": {"code": "moderation_blocked", "message": MESSAGE}}, 400)
    response.delay = 3.0
    upstream.responses[:] = [response]
    return upstream


@pytest.fixture
def client(slow_gateway):
    return openai.OpenAI(base_url=f"{slow_gateway.url}/v1", api_key="DUMMY-KEY")


def test_python_sdk_raises_after_one_call_and_shows_the_error(client, slow_failure):
    with pytest.raises(json.JSONDecodeError) as raised:
        client.images.edit(**EDIT)
    assert raised.value.doc.strip().startswith(f"Error 400: {MESSAGE}")
    document = json.loads(raised.value.doc.splitlines()[-1])
    assert document["error"]["code"] == "moderation_blocked"
    assert document["retouch"].items() >= {"status": 400, "billed": "unknown"}.items()
    assert len(slow_failure.calls) == 1


def test_python_sdk_stream_raises_an_api_error_after_one_call(client, slow_failure):
    with pytest.raises(openai.APIError, match="safety system") as raised:
        list(client.images.edit(**EDIT, stream=True))
    assert raised.value.code == "moderation_blocked"
    assert len(slow_failure.calls) == 1


def test_requests_json_raises_and_shows_the_error(slow_gateway, slow_failure):
    response = requests.post(
        f"{slow_gateway.url}/v1/images/edits",
        files={"image": ("a.png", IMAGE)},
        data={"model": "openai/gpt-image-2", "prompt": "p"},
        timeout=30,
    )
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError) as raised:
        response.json()
    assert MESSAGE in raised.value.doc


def test_curl_f_takes_the_failure_for_a_success_but_prints_it(slow_gateway, slow_failure, tmp_path):
    (tmp_path / "a.png").write_bytes(IMAGE)
    completed = subprocess.run(
        [
            *("curl", "-sf", f"{slow_gateway.url}/v1/images/edits", "-F", "image=@a.png"),
            *("-F", "prompt=p", "-F", "model=openai/gpt-image-2"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 0
    assert completed.stdout.strip().startswith(f"Error 400: {MESSAGE}")


def run_node(folder, url, image_folder, client_timeout="", request_timeout="", stream=""):
    """Return what the Node SDK raised."""
    (image_folder / "a.png").write_bytes(IMAGE)
    arguments = [f"{url}/v1", str(image_folder / "a.png"), client_timeout, request_timeout, stream]
    completed = subprocess.run(
        ["node", "slow.mjs", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def test_node_sdk_raises_after_one_call_and_names_the_status(
    node_folder, slow_gateway, slow_failure, tmp_path
):
    raised = run_node(node_folder, slow_gateway.url, tmp_path)
    assert raised["raised"] == "SyntaxError"
    assert "Error 400:" in raised["message"]
    assert len(slow_failure.calls) == 1


def test_node_sdk_stream_raises_an_api_error_after_one_call(
    node_folder, slow_gateway, slow_failure, tmp_path
):
    raised = run_node(node_folder, slow_gateway.url, tmp_path, stream="1")
    assert (raised["raised"], raised["code"]) == ("APIError", "moderation_blocked")
    assert len(slow_failure.calls) == 1


@pytest.mark.parametrize("stream", ["", "1"], ids=["json", "stream"])
@pytest.mark.parametrize("timeouts", [("6000", ""), ("", "6000")], ids=["client", "request"])
def test_node_sdk_that_gives_up_buys_one_edit(
    node_folder, silent_gateway, upstream, tmp_path, timeouts, stream
):
    response = json_response(json.loads(SUCCESS.body))
    response.delay = 8.0
    upstream.responses[:] = [response]
    raised = run_node(node_folder, silent_gateway.url, tmp_path, timeouts[0], timeouts[1], stream)
    assert raised["raised"] is None
    assert len(upstream.calls) == 1


def test_python_sdk_is_told_that_the_outcome_is_unknown_after_the_function_has_died_behind_spaces(
    provider, upstream
):
    env = environment(provider, RETOUCH_SILENCE_SECONDS="1", RETOUCH_LEASE_MARGIN_SECONDS="1")
    with DevServer(env=env, workers=WORKERS, timeouts=Timeouts(function=8.0)) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="DUMMY-KEY")
        killer = kill_workers_later(server, upstream, 3.0)
        with pytest.raises(json.JSONDecodeError) as raised:
            client.images.edit(**EDIT)
        killer.join()
    document = json.loads(raised.value.doc.splitlines()[-1])
    # The retry ends before or after the lease of the dead function.
    assert document["error"]["code"] in ("order_outcome_unknown", "order_in_progress")
    assert len(upstream.calls) == 1


def test_python_sdk_does_not_retry_after_the_function_has_died_before_its_response(
    silent_gateway, upstream
):
    client = openai.OpenAI(base_url=f"{silent_gateway.url}/v1", api_key="DUMMY-KEY")
    error = raised_after_kill(client, silent_gateway, upstream, 0.5)
    assert (error.status_code, error.code) == (502, "internal_error")
    assert len(upstream.calls) == 1


# A retry finds the order of an equal edit, so edits whose function dies are not equal to the others.
KILLED_EDITS = ({**EDIT, "prompt": f"killed {number}"} for number in count())


def raised_after_kill(client, server, upstream, seconds):
    """Return the error of an edit whose worker is killed that many seconds after the provider has received it."""
    killer = kill_workers_later(server, upstream, seconds)
    with pytest.raises(openai.APIStatusError) as raised:
        client.images.edit(**next(KILLED_EDITS))
    killer.join()
    assert raised.value.response.headers["x-retouch-billed"] == "unknown"
    return raised.value


def kill_workers_later(server, upstream, seconds):
    """Start a thread that kills the workers while the provider, which is slow, works on the edit."""
    response = json_response(json.loads(SUCCESS.body))
    response.delay = 8.0
    upstream.responses[:] = [response]
    killer = threading.Thread(target=kill_workers, args=[server, upstream, seconds])
    killer.start()
    return killer


def kill_workers(server, upstream, seconds):
    """Kill the workers that run now, the given seconds after the provider has received the edit."""
    pause = threading.Event()
    while not upstream.calls:
        pause.wait(0.01)
    pause.wait(seconds)
    for pid in server.pids:
        os.kill(pid, signal.SIGKILL)
