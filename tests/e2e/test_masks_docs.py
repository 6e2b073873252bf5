"""The SDK example of docs/masks.md, run as it is printed against the development server."""

import re
import subprocess
import sys
from pathlib import Path

from devserver.server import DevServer
from tests.support.images import decode_image

ROOT = Path(__file__).parents[2]


def test_sdk_example_of_the_page_on_masks_edits_by_shapes_and_by_a_file(tmp_path):
    (example,) = re.findall(r"```python\n(.+?)```", (ROOT / "docs/masks.md").read_text(), re.DOTALL)
    assert "http://127.0.0.1:8787/v1" in example
    (tmp_path / "events").symlink_to(ROOT / "events")
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        code = example.replace("http://127.0.0.1:8787", server.url)
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=100)
    original = decode_image((ROOT / "events/photo.png").read_bytes())
    for name in ("by_shapes.png", "by_file.png"):
        edited = decode_image((tmp_path / name).read_bytes())
        assert edited.size == original.size
        assert edited.tobytes() != original.tobytes()
