"""The SDK examples of the README and of pages, run as they are printed against the development server."""

import re
import subprocess
import sys
from pathlib import Path

from devserver.server import DevServer
from tests.support.images import decode_image

ROOT = Path(__file__).parents[2]
ORIGINAL = decode_image((ROOT / "events" / "photo.png").read_bytes())


def run_printed_example(page, folder):
    """Run the only Python example of a page in a folder that has the sample images."""
    (example,) = re.findall(r"```python\n(.+?)```", (ROOT / page).read_text(), re.DOTALL)
    assert "http://127.0.0.1:8787/v1" in example
    (folder / "events").symlink_to(ROOT / "events")
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, s3=True) as server:
        code = example.replace("http://127.0.0.1:8787", server.url)
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=folder, check=True, timeout=100, capture_output=True, text=True
        ).stdout


def test_sdk_example_of_the_readme_writes_an_edited_image(tmp_path):
    run_printed_example("README.md", tmp_path)
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
