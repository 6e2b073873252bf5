"""Tests of what the Makefile of the layer says when something is missing."""

import os
import shutil
import subprocess

import pytest

from tests.infra.conftest import ROOT

NATIVE = os.uname().machine.replace("aarch64", "arm64")
FOREIGN = {"arm64": "x86_64", "x86_64": "arm64"}.get(NATIVE, "arm64")

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="not run: there is no make")


def make(*arguments):
    """Run one target of the Makefile without those before it. Return the status and both outputs as one text."""
    completed = subprocess.run(
        ["make", "-s", "-f", str(ROOT / "layers/retouch/Makefile"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return completed.returncode, completed.stdout + completed.stderr


def report(architecture, folder):
    python = shutil.which("python3")
    return make(
        "-o",
        "compile",
        "report",
        f"ARCH={architecture}",
        f"ARTIFACTS_DIR={folder}",
        f"PYTHON={python}",
    )


def test_missing_uv_is_named_with_its_remedy():
    status, text = make("ready", "UV=/no/such/uv", "PYTHON=python3")
    assert status != 0
    assert "the build needs uv: pip install uv" in text


def test_unknown_architecture_is_refused():
    status, text = make("ready", "ARCH=riscv")
    assert status != 0
    assert "ARCH is arm64 or x86_64, not 'riscv'" in text


def test_build_says_what_a_plain_local_invoke_needs(tmp_path):
    status, text = report(NATIVE, tmp_path)
    assert status == 0, text
    assert "--env-vars events/env/local.json" in text
    assert "emulation" not in text


def test_build_for_another_machine_says_that_a_local_invoke_needs_emulation(tmp_path):
    status, text = report(FOREIGN, tmp_path)
    assert status == 0, text
    assert f"this machine is {NATIVE}, so `sam local invoke` needs emulation" in text
    assert f"ARCH={NATIVE} sam build --parameter-overrides Architecture={NATIVE}" in text
