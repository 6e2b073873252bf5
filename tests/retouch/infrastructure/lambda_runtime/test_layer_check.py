"""Tests of the message for a layer that cannot be loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retouch.infrastructure.lambda_runtime.layer_check import import_failure_text

LAYER = Path(__file__).parents[4] / "layers" / "retouch"
ERROR = ModuleNotFoundError("No module named 'orjson.orjson'")


@pytest.mark.parametrize(
    ("module", "machine", "built", "wanted"),
    [("aarch64", "x86_64", "arm64", "x86_64"), ("x86_64", "aarch64", "x86_64", "arm64")],
)
def test_layer_of_another_architecture_is_named_with_the_remedy(
    module, machine, built, wanted, tmp_path
):
    (tmp_path / "orjson").mkdir()
    (tmp_path / "orjson" / f"orjson.cpython-313-{module}-linux-gnu.so").touch()
    text = import_failure_text(ERROR, tmp_path, machine)
    assert f"built for {built}, but the function runs on {wanted}" in text
    assert f"ARCH={wanted}" in text


@pytest.mark.parametrize("module", ["x86_64", None], ids=["same architecture", "no module"])
def test_any_other_import_error_is_passed_on(module, tmp_path):
    (tmp_path / "orjson").mkdir()
    if module:
        (tmp_path / "orjson" / f"orjson.cpython-313-{module}-linux-gnu.so").touch()
    assert str(ERROR) in import_failure_text(ERROR, tmp_path, "x86_64")


def test_runtime_with_a_layer_of_another_architecture_prints_one_sentence(tmp_path):
    foreign = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
    (tmp_path / "retouch").symlink_to(LAYER / "retouch")
    package = tmp_path / "orjson"
    package.mkdir()
    (package / "__init__.py").write_text("from orjson.orjson import loads")
    (package / f"orjson.cpython-313-{foreign}-linux-gnu.so").touch()
    completed = subprocess.run(
        [sys.executable, "-m", "retouch.infrastructure.lambda_runtime"],
        env={"PYTHONPATH": str(tmp_path), "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert completed.returncode == 1
    (line,) = completed.stderr.splitlines()
    assert "the layer was built for" in line
