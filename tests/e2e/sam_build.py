"""Run SAM builds one at a time, because test processes share one build folder."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.file_lock import hold_file_lock

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".work" / "local"
LOCK = WORK / "lock"
LIBRARIES_UNREACHABLE = (
    "not run: the package index for the layer's libraries is not reachable. "
    "Connect to it and run `make build`, which fills uv's cache"
)
ENV = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}


def run_make(*arguments):
    """Run make without its own output."""
    return subprocess.run(
        ["make", "-s", *arguments], cwd=ROOT, env=ENV, capture_output=True, text=True, timeout=390
    )


def require_interpreter():
    """Skip the test when there is no interpreter to compile the layer's bytecode."""
    command = [str(ROOT / "tools" / "aws" / "find-python.sh"), "3.13"]
    completed = subprocess.run(
        command, env={**ENV, "UV": str(ROOT / ".venv" / ".uv")}, capture_output=True
    )
    if completed.returncode or not shutil.which("make"):
        pytest.skip(
            "not run: the build needs `make` and CPython 3.13. "
            "Install them with `apt-get install make` and `uv python install 3.13`"
        )


def require_tools(*targets):
    """Skip the test when the tools cannot be installed. The caller holds the lock."""
    if run_make(*targets).returncode:
        pytest.skip(
            "not run: the package index for the tools is not reachable. "
            f"Connect to it and run `make {' '.join(targets)}`"
        )


@contextmanager
def run_build(target):
    """Build `target` and hold a lock, so that no other process builds while the context is open."""
    require_interpreter()
    with hold_file_lock(LOCK):
        require_tools(".work/sam/.ready")
        completed = run_make(target)
        if "Failed to fetch" in completed.stdout + completed.stderr:
            pytest.skip(LIBRARIES_UNREACHABLE)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        yield
