"""The README's SDK example, run as it is printed against the development server."""

import re
import subprocess
import sys
from pathlib import Path

from devserver.server import DevServer
from tests.support.images import decode_image

ROOT = Path(__file__).parents[2]


def test_sdk_example_of_the_readme_writes_an_edited_image(tmp_path):
    (example,) = re.findall(r"```python\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "http://127.0.0.1:8787/v1" in example
    (tmp_path / "events").symlink_to(ROOT / "events")
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        code = example.replace("http://127.0.0.1:8787", server.url)
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=100)
    edited = decode_image((tmp_path / "edited.png").read_bytes())
    assert edited.size == decode_image((ROOT / "events" / "photo.png").read_bytes()).size
