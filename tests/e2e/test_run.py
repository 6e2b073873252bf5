"""`make run` as a newcomer and as an operator see it: the pasted curl works, and no log holds a secret."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.pictures import b64, opened, photo
from tests.support.upstream import Answer, Upstream, as_json, closed_port

REPOSITORY = Path(__file__).parents[2]
CANARY = "sk-canary-e2e-51c2"
ECHO = {"error": {"message": f"bad key {CANARY}", "code": "invalid_value", "param": CANARY}}


@pytest.fixture
def run():
    """Start the local gateway as the command does; `stop()` gives everything it printed."""
    started = []

    def start(**env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RETOUCH_"))}
        path = f"{REPOSITORY}/layers/retouch:{REPOSITORY}"
        process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=REPOSITORY,
            env={**clean, "PORT": str(closed_port()), "PYTHONPATH": path, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        first, second = process.stdout.readline(), process.stdout.readline()
        assert first.startswith("Retouch is ready on http://127.0.0.1:")
        return process, second.strip()

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    return out + err


def test_the_printed_curl_answers_with_a_picture_that_opens(run):
    process, curl = run()
    done = subprocess.run(
        shlex.split(curl), cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    answer = json.loads(done.stdout)
    with urllib.request.urlopen(answer["data"][0]["url"]) as link:
        edited = opened(link.read())
    original = opened((REPOSITORY / "events" / "photo.png").read_bytes())
    assert edited.size == original.size
    middle_of_the_ball = (450, 560)
    assert edited.convert("RGB").getpixel(middle_of_the_ball) != original.getpixel(
        middle_of_the_ball
    )
    assert edited.convert("RGB").getpixel((5, 5)) == original.getpixel((5, 5))
    stop(process)


def test_no_log_line_holds_a_key_a_prompt_or_a_picture(run):
    answers = [
        as_json({"data": [{"b64_json": b64(photo())}]}),
        as_json(ECHO, 400),
        Answer(500, CANARY.encode()),
        Answer(fault="reset"),
        as_json({CANARY: 1}),
    ]
    with Upstream(*answers) as upstream:
        process, curl = run(OPENAI_API_KEY=CANARY, OPENAI_BASE_URL=upstream.url)
        url = shlex.split(curl)[2]
        form = ["-F", "model=gpt-image-2", "-F", "prompt=secret-prompt", "-F"]
        for key in ([], ["-H", f"Authorization: Bearer {CANARY}"]) * len(answers):
            command = ["curl", "-s", url, *key, *form, "image=@events/photo.png"]
            done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=60)
            assert CANARY.encode() not in done.stdout
        assert upstream.calls[0].headers["authorization"] == f"Bearer {CANARY}"
    logged = stop(process)
    assert '"status":200' in logged
    assert '"status":502' in logged
    for secret in (CANARY, "secret-prompt", "iVBORw0KGgo"):
        assert secret not in logged
