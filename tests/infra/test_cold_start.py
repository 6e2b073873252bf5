"""What a cold start must not load: it is paid for by the first caller, and most requests need none of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATER = (
    "boto3",
    "botocore.session",
    "google.auth",
    "retouch.guardrails.kinds",
    "retouch.operations.steps",
)
STACK = {
    "RETOUCH_BUCKET": "b",
    "RETOUCH_SECRET_ID": "s",
    "RETOUCH_KEYS_TABLE": "k",
    "RETOUCH_BREAKER_TABLE": "c",
    "RETOUCH_MIRROR": "queue",
}


@pytest.mark.parametrize("settings", [{"RETOUCH_AUTH_MODE": "open"}, STACK], ids=["open", "stack"])
@pytest.mark.parametrize("function", ["edits", "mirror"])
def test_what_is_needed_later_is_loaded_later(function, settings):
    path = os.pathsep.join(map(str, (ROOT / "layers/retouch", ROOT / "functions" / function)))
    env = {**os.environ, **settings, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    code = "import app, sys; print(*sys.modules, file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    loaded = run.stderr.split()
    assert "retouch.settings" in loaded
    assert [name for name in LATER if name in loaded] == []
