"""Test that a cold start does not import modules that most requests do not need, because imports delay the caller."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAZY_MODULES = (
    "boto3",
    "botocore.session",
    "ctypes",
    "fractions",
    "google.auth",
    "pillow_heif",
    "PIL",
    "re2",
    "retouch.gateway.guardrails.registry",
    "retouch.imaging.formats.gif",
    "retouch.imaging.formats.heif",
    "retouch.imaging.formats.tiff",
    "retouch.imaging.operations.program",
)
# The mirror fetches URLs, so only the edits function does without these.
EDITS_LAZY_MODULES = (
    "difflib",
    "email.utils",
    "html",
    "http.client",
    "retouch.imaging.inpaint.erase",
    "retouch.infrastructure.fetch.event_client",
    "retouch.infrastructure.fetch.fetcher",
    "retouch.infrastructure.fetch.webhook_check_client",
    "retouch.infrastructure.order_folder",
    "retouch.webhooks.services",
    "sqlite3",
    "standardwebhooks.webhooks",
)
STACK = {
    "RETOUCH_BUCKET": "b",
    "RETOUCH_SECRET_ID": "s",
    "RETOUCH_KEYS_TABLE": "k",
    "RETOUCH_BREAKER_TABLE": "c",
    "RETOUCH_MIRROR": "queue",
}


@pytest.mark.parametrize("settings", [{"RETOUCH_AUTH_MODE": "open"}, STACK], ids=["open", "stack"])
@pytest.mark.parametrize("function", ["edits", "worker", "mirror"])
def test_cold_start_does_not_import_lazy_modules(function, settings):
    path = os.pathsep.join(map(str, (ROOT / "layers/retouch", ROOT / "functions" / function)))
    env = {**os.environ, **settings, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    code = "import app, sys; print(*sys.modules, file=sys.stderr)"
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    loaded = run.stderr.split()
    assert "retouch.core.settings" in loaded
    lazy = (*LAZY_MODULES, *(EDITS_LAZY_MODULES if function == "edits" else ()))
    assert [name for name in lazy if name in loaded] == []
