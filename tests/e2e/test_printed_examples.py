"""The SDK examples of the README and of pages, run as they are printed against the development server."""

import subprocess
import sys

import pytest

from devserver.ports import unused_port
from devserver.server import DevServer
from devserver.settings import EXAMPLE_RECEIVER, DevServerSettings
from tests.support.images import decode_image
from tests.support.printed_examples import ORIGINAL, ROOT, printed_examples


def run_printed_example(page, folder, example=None):
    """Run an example, or the only one of a page, in a folder that has the sample images."""
    if example is None:
        (example,) = printed_examples(page)
    assert "http://127.0.0.1:8787/v1" in example
    (folder / "events").symlink_to(ROOT / "events")
    receiver = f"127.0.0.1:{unused_port()}"
    env = {"RETOUCH_AUTH_MODE": "open", "RETOUCH_WEBHOOK_ALLOW": receiver}
    with DevServer(env=env, s3=True) as server:
        code = example.replace("http://127.0.0.1:8787", server.url)
        code = code.replace(EXAMPLE_RECEIVER, receiver).replace("8790", receiver.partition(":")[2])
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=folder, check=True, timeout=100, capture_output=True, text=True
        ).stdout


@pytest.mark.parametrize("number", [0, 1], ids=["edit", "job with a webhook"])
def test_sdk_example_of_the_readme_writes_an_edited_image(tmp_path, number):
    examples = printed_examples("README.md")
    assert len(examples) == 2
    run_printed_example("README.md", tmp_path, examples[number])
    assert decode_image((tmp_path / "edited.png").read_bytes()).size == ORIGINAL.size


def test_sdk_example_of_the_page_on_masks_edits_by_shapes_and_by_a_file(tmp_path):
    run_printed_example("docs/masks.md", tmp_path)
    for name in ("by_shapes.png", "by_file.png"):
        edited = decode_image((tmp_path / name).read_bytes())
        assert edited.size == ORIGINAL.size
        assert edited.tobytes() != ORIGINAL.tobytes()


def test_sdk_example_of_the_page_on_batches_prints_the_links_of_both_lines(tmp_path):
    counts, *links = run_printed_example("docs/batches.md", tmp_path).splitlines()
    assert counts == "completed BatchRequestCounts(completed=2, failed=0, total=2)"
    assert [link.split(" http")[0] for link in links] == ["ball-0", "ball-1"]


def test_make_run_permits_the_receiver_of_the_examples():
    assert DevServerSettings.from_env({}).environment["RETOUCH_WEBHOOK_ALLOW"] == EXAMPLE_RECEIVER
    for page in ("README.md", "docs/webhooks.md"):
        assert EXAMPLE_RECEIVER in (ROOT / page).read_text()
