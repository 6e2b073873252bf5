"""The commands of docs/usage.md, run as they are printed against the development server."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from devserver.server import DevServer

ADMIN_KEY = "rt_" + "M" * 43
PAGE = Path(__file__).parents[2] / "docs" / "usage.md"


@pytest.fixture(scope="module")
def server():
    env = {"RETOUCH_AUTH_MODE": "keys", "RETOUCH_ADMIN_KEY": ADMIN_KEY}
    with DevServer(env=env) as running:
        yield running


def _commands():
    blocks = re.findall(r"```bash\n(.+?)```", PAGE.read_text(), re.DOTALL)
    text = "\n".join(blocks).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith("curl")]


@pytest.mark.parametrize("command", _commands())
def test_printed_command_is_answered_with_an_object(server, command):
    env = {"URL": server.url, "KEY": ADMIN_KEY, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", command], env=env, capture_output=True, text=True, timeout=60
    )
    answer = json.loads(done.stdout)
    assert "error" not in answer, done.stdout
    assert answer.get("object") or answer["status"] == "success"
