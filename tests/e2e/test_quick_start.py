"""The commands and programs of the quick start, run as they are printed against the development server."""

import json
import subprocess
import sys
import urllib.request

import pytest

from devserver.server import DevServer
from tests.support.images import decode_image
from tests.support.node_sdk import node_folder as node_folder
from tests.support.printed_examples import ORIGINAL, ROOT, printed_examples

PAGE = "docs/quick-start.md"
PRINTED_URL = "http://127.0.0.1:8787"
PYTHON, NODE = (printed_examples(PAGE, language) for language in ("python", "js"))
MASK = decode_image((ROOT / "events" / "mask.png").read_bytes()).getchannel("A")


@pytest.fixture(scope="module")
def local_gateway():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, s3=True) as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events").symlink_to(ROOT / "events")
    return tmp_path


def run(command, folder):
    return subprocess.run(command, cwd=folder, check=True, timeout=100, capture_output=True).stdout


def assert_only_masked_pixels_changed(data):
    edited = decode_image(data).convert("RGB")
    original = ORIGINAL.convert("RGB")
    assert edited.size == original.size
    assert edited.tobytes() != original.tobytes()
    edited.paste(original, mask=MASK.point(lambda alpha: 0 if alpha else 255))
    assert edited.tobytes() == original.tobytes()


def test_page_has_a_program_for_each_library():
    libraries = ["openai", "portkey_ai"], ["openai", "ai"]
    for programs, names in zip((PYTHON, NODE), libraries, strict=True):
        assert len(programs) == len(names)
        assert all(
            f"from {name} import" in text or f'from "{name}"' in text
            for text, name in zip(programs, names, strict=True)
        )


def test_curl_command_returns_a_link_to_the_edited_image(local_gateway, folder):
    (command,) = printed_examples(PAGE, "sh")
    assert PRINTED_URL in command
    response = json.loads(
        run(["sh", "-c", command.replace(PRINTED_URL, local_gateway.url)], folder)
    )
    with urllib.request.urlopen(response["data"][0]["url"]) as link:
        assert_only_masked_pixels_changed(link.read())


@pytest.mark.parametrize("program", PYTHON, ids=["OpenAI", "Portkey"])
def test_python_program_writes_the_edited_image(local_gateway, folder, program):
    assert PRINTED_URL in program
    run([sys.executable, "-c", program.replace(PRINTED_URL, local_gateway.url)], folder)
    assert_only_masked_pixels_changed((folder / "edited.png").read_bytes())


@pytest.mark.parametrize("program", NODE, ids=["OpenAI", "AI SDK"])
def test_node_program_writes_the_edited_image(local_gateway, folder, node_folder, program):
    assert PRINTED_URL in program
    script = node_folder / "quick_start.mjs"
    script.write_text(program.replace(PRINTED_URL, local_gateway.url))
    run(["node", script], folder)
    assert_only_masked_pixels_changed((folder / "edited.png").read_bytes())
