"""Test that a cold start does not import modules that most requests do not need, because imports delay the caller."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.aws.coldstart import (
    ColdStartCase,
    authorized_event,
    function_environment,
    stub_responses,
)
from tools.aws.lambda_emulator import loopback_server
from tools.events import multipart_edit, sample_image

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
    "retouch.api.endpoints.models",
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
    "pathlib",
    "retouch.api.endpoints.jobs",
    "retouch.gateway.health",
    "retouch.gateway.lifecycle",
    "retouch.imaging.inpaint.erase",
    "retouch.infrastructure.fetch.event_client",
    "retouch.infrastructure.fetch.fetcher",
    "retouch.infrastructure.fetch.webhook_check_client",
    "retouch.infrastructure.local.order_folder",
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


FIRST_EDIT = """
import json, sys, types
import app
context = types.SimpleNamespace(
    aws_request_id="1", function_name="edits", memory_limit_in_mb="1769", deadline=None,
    invoked_function_arn="arn:aws:lambda:eu-west-1:1:function:edits",
    get_remaining_time_in_millis=lambda: 60_000,
)
response = app.handler(json.load(sys.stdin), context)
print(response["statusCode"], *sys.modules, file=sys.stderr)
"""
# Of all modules, with those of the standard library. Each takes about 0.3 ms of CPU.
MAX_MODULES_OF_A_FIRST_EDIT = 490


def test_first_edit_with_a_key_imports_few_modules():
    parts = (
        ("prompt", "remove the ball"),
        ("model", "openai/gpt-image-2"),
        ("image", sample_image),
    )
    event = authorized_event(multipart_edit(*parts)())
    path = os.pathsep.join(map(str, (ROOT / "layers/retouch", ROOT / "functions/edits")))
    with loopback_server(stub_responses()) as url:
        env = {
            **function_environment(ColdStartCase("", event, requires_key=True), url),
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "PYTHONPATH": path,
            "PYTHONSAFEPATH": "1",
        }
        run = subprocess.run(
            [sys.executable, "-c", FIRST_EDIT],
            env=env,
            input=event,
            capture_output=True,
            check=True,
        )
    *_, last_line = run.stderr.decode().splitlines()
    status, *loaded = last_line.split()
    assert status == "200", run.stdout
    assert [name for name in (*LAZY_MODULES, *EDITS_LAZY_MODULES) if name in loaded] == []
    assert len(loaded) <= MAX_MODULES_OF_A_FIRST_EDIT
