"""The commands of the README and of pages that need no key, run as they are printed against the development server."""

import os
import re
import shutil
import subprocess

import pytest

from devserver.server import DevServer
from devserver.settings import EXAMPLE_RECEIVER
from tests.support.images import decode_image
from tests.support.printed_examples import ORIGINAL, ROOT

PRINTED_URL = "http://127.0.0.1:8787"
FENCED_BLOCK = re.compile(r"^```(?:sh|bash)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANY_BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
PAGES_WITH_TESTS_OF_THEIR_OWN = ("tenants", "usage")


def read_commands(page):
    """Return the commands of the shell blocks of a page, each in one line and without its comment."""
    blocks = [m.group() for m in ANY_BLOCK.finditer(page.read_text())]
    text = "\n".join(m.group(1) for block in blocks if (m := FENCED_BLOCK.fullmatch(block)))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [re.sub(r"\s{2,}#.*", "", line) for line in lines]


def is_local(command):
    is_request = command.startswith("curl") and (PRINTED_URL in command or "$GATEWAY" in command)
    return is_request or command.startswith("tools/retouch mask")


COMMANDS = [
    pytest.param(command, id=f"{page.stem} {number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.stem not in PAGES_WITH_TESTS_OF_THEIR_OWN
    for number, command in enumerate(filter(is_local, read_commands(page)))
]


@pytest.fixture(scope="module")
def local_gateway():
    env = {"RETOUCH_AUTH_MODE": "open", "RETOUCH_WEBHOOK_ALLOW": EXAMPLE_RECEIVER}
    with DevServer(env=env, s3=True) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files that the pages name."""
    for name in ("events", "tools", "layers", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("photo.png", "mask.png"):
        shutil.copy(ROOT / "events" / name, tmp_path)
    ORIGINAL.convert("RGB").save(tmp_path / "photo.jpg")
    mask = decode_image((ROOT / "events" / "mask.png").read_bytes()).getchannel("A")
    mask.point(lambda alpha: 255 - alpha).save(tmp_path / "stencil.jpg")
    return tmp_path


def test_more_than_20_commands_of_the_pages_are_found():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_a_page_succeeds(command, local_gateway, folder):
    env = {**os.environ, "GATEWAY": local_gateway.url, "RETOUCH_KEY": "none"}
    run = subprocess.run(
        ["bash", "-c", command.replace(PRINTED_URL, local_gateway.url)],
        cwd=folder,
        env=env,
        capture_output=True,
        timeout=100,
        check=False,
    )
    # grep has nothing to print when the gateway made no note.
    assert run.returncode == (1 if "| grep -i x-retouch-notes" in command else 0), run.stderr
    assert b'"error":{' not in run.stdout
