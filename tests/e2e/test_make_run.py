"""Tests of `make run`: the printed curl command works, and no log contains a secret."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from devserver.ports import unused_port
from tests.support.images import b64, decode_image, photo
from tests.support.upstream import ScriptedResponse, Upstream, json_response

REPOSITORY = Path(__file__).parents[2]
CANARY = "sk-canary-e2e-51c2"
ECHOED_KEY_ERROR = {
    "error": {"message": f"bad key {CANARY}", "code": "invalid_value", "param": CANARY}
}


@pytest.fixture
def start_server(tmp_path):
    """Return a function that starts the development server. `stop_server` returns everything that it printed."""
    started = []

    def start(**env):
        inherited_env = {
            k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RETOUCH_"))
        }
        path = f"{REPOSITORY}/layers/retouch:{REPOSITORY}"
        process = subprocess.Popen(
            [sys.executable, "-m", "devserver"],
            cwd=REPOSITORY,
            env={
                **inherited_env,
                "PORT": str(unused_port()),
                "RETOUCH_LOCAL_S3_PORT": str(unused_port()),
                "PYTHONPATH": path,
                "RETOUCH_INBOX": str(tmp_path / "inbox"),
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert first.startswith("Retouch is ready on http://127.0.0.1:")
        return process, second.strip()

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop_server(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    return out + err


def test_printed_curl_command_returns_the_picture_of_the_readme_also_after_a_restart(start_server):
    ports = {"PORT": str(unused_port()), "RETOUCH_LOCAL_S3_PORT": str(unused_port())}
    process, curl = start_server(**ports)
    completed = subprocess.run(
        shlex.split(curl), cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    response = json.loads(completed.stdout)
    stop_server(process)
    process, _ = start_server(**ports)
    with urllib.request.urlopen(response["data"][0]["url"]) as link:
        assert link.headers["content-type"] == "image/png"
        edited = decode_image(link.read())
    picture_of_the_readme = decode_image((REPOSITORY / "docs" / "edited.png").read_bytes())
    assert edited.size == picture_of_the_readme.size
    assert edited.convert("RGB").tobytes() == picture_of_the_readme.convert("RGB").tobytes()
    stop_server(process)


def test_photo_that_the_printed_command_copies_comes_out_within_a_minute(start_server, tmp_path):
    process, _ = start_server(RETOUCH_INBOX=str(tmp_path))
    _, first, command = (process.stdout.readline() for _ in range(3))
    assert str(tmp_path) in first
    copy = command.partition(" && ")[0]
    started = time.monotonic()
    subprocess.run(shlex.split(copy), cwd=REPOSITORY, check=True)
    image, job = (tmp_path / "outbox" / "erase" / f"photo.png{end}" for end in ("", ".json"))
    while not job.exists():
        assert time.monotonic() < started + 60, stop_server(process)
        time.sleep(0.1)
    photo = decode_image((REPOSITORY / "events" / "photo.png").read_bytes())
    edited = decode_image(image.read_bytes())
    assert edited.size == photo.size
    assert edited.getpixel((520, 570)) != photo.getpixel((520, 570))  # the ball
    assert edited.convert("RGB").getpixel((5, 5)) == photo.convert("RGB").getpixel((5, 5))
    assert json.loads(job.read_text())["status"] == "completed"
    stop_server(process)


def test_logs_contain_no_key_prompt_or_image(start_server):
    provider_responses = [
        json_response({"data": [{"b64_json": b64(photo())}]}),
        json_response(ECHOED_KEY_ERROR, 400),
        ScriptedResponse(500, CANARY.encode()),
        ScriptedResponse(network_failure="reset"),
        json_response({CANARY: 1}),
    ]
    with Upstream(*provider_responses) as upstream:
        process, curl = start_server(OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=upstream.url)
        url = shlex.split(curl)[2]
        form = ["-F", "model=gpt-image-2", "-F", "prompt=secret-prompt", "-F"]
        for key in ([], ["-H", f"Authorization: Bearer {CANARY}"]) * len(provider_responses):
            command = ["curl", "-s", url, *key, *form, "image=@events/photo.png"]
            completed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=60)
            assert CANARY.encode() not in completed.stdout
        assert upstream.calls[0].headers["authorization"] == f"Bearer {CANARY}"
    logged = stop_server(process)
    assert '"status":200' in logged
    assert '"status":502' in logged
    for secret in (CANARY, "secret-prompt", "iVBORw0KGgo"):
        assert secret not in logged
