"""What `make build-local` makes, once at a time: tests in several processes share one folder."""

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".work" / "local"
ENV = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}


def make(*arguments):
    """make, quietly."""
    return subprocess.run(
        ["make", "-s", *arguments], cwd=ROOT, env=ENV, capture_output=True, text=True, timeout=390
    )


def need_interpreter():
    """Skip where the layer's bytecode cannot be written."""
    finder = [ROOT / "tools" / "aws" / "find-python.sh", "3.13"]
    found = subprocess.run(
        finder, env={**ENV, "UV": str(ROOT / ".venv" / ".uv")}, capture_output=True
    )
    if found.returncode or not shutil.which("make"):
        pytest.skip("not run: no CPython 3.13 to build for")


def need_tools(*targets):
    """Skip where the tools cannot be installed: they are no part of what the suite is promised to need."""
    if make(*targets).returncode:
        pytest.skip("not run: no package index to install the tools from")


@contextmanager
def built(target):
    """Make `target` and keep others from doing so meanwhile."""
    need_interpreter()
    WORK.mkdir(parents=True, exist_ok=True)
    with open(WORK / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        need_tools(".work/sam/.ready")
        done = make(target)
        if "Failed to fetch" in done.stdout + done.stderr:
            pytest.skip("not run: no package index to take the layer's libraries from")
        assert done.returncode == 0, done.stdout + done.stderr
        yield
