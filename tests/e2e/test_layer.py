"""Tests of the built layer for both architectures."""

import os
import re
import shutil
import subprocess

import pytest

from tests.e2e.sam_build import ENV, LIBRARIES_UNREACHABLE, ROOT, require_interpreter
from tools.aws.layer_size import ARCHITECTURES, PAGE
from tools.aws.strip_libraries import strip_library

SOURCE = ROOT / "layers" / "retouch"
ELF_MACHINE = {"arm64": 0xB7, "x86_64": 0x3E}
BUNDLED_LIBRARY = re.compile(rb"lib[\w+]+-[0-9a-f]{8}\.so[.\d]*")
UNCHECKED_HASH = 1
MAX_BYTES = {"arm64": 61_000_000, "x86_64": 71_000_000}


@pytest.fixture(scope="module", params=ELF_MACHINE)
def layer(request, tmp_path_factory):
    """Return (architecture, folder) of a layer that was built in a copy of the source, as `sam build` does."""
    require_interpreter()
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(SOURCE, folder / "source")
    (folder / "out").mkdir()
    completed = subprocess.run(
        ["make", "-s", "-f", SOURCE / "Makefile", "build-RetouchLayer"],
        cwd=folder / "source",
        env={
            **ENV,
            "UV": str(ROOT / ".venv" / ".uv"),
            "ARCH": request.param,
            "ARTIFACTS_DIR": str(folder / "out"),
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    if "Failed to fetch" in completed.stderr:
        pytest.skip(LIBRARIES_UNREACHABLE)
    assert completed.returncode == 0, completed.stderr
    assert f"the layer for {request.param} has " in completed.stdout
    return request.param, folder / "out"


def test_layer_size_is_within_its_limit(layer):
    """The limits are far below Lambda's 250 MB. They show when a package adds weight."""
    architecture, folder = layer
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    assert size <= MAX_BYTES[architecture]


def test_layer_size_is_the_documented_one(layer):
    architecture, folder = layer
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    (row,) = re.findall(r"^\| \*\*the layer\*\* .*$", PAGE.read_text(), re.MULTILINE)
    documented = re.findall(r"\*\*(\d+)\*\*", row)[ARCHITECTURES.index(architecture)]
    assert abs(size / 1e6 - int(documented)) <= 1, "`make layer-size` writes the table again"


def test_layer_libraries_have_no_symbols_for_debuggers(layer):
    _, folder = layer
    for library in folder.rglob("*.so*"):
        data = library.read_bytes()
        assert strip_library(data) == data, library


def test_layer_libraries_match_the_requested_architecture(layer):
    architecture, folder = layer
    libraries = [f for f in folder.rglob("*") if f.is_file() and ".so" in f.suffixes]
    assert len(libraries) > 10
    for library in libraries:
        head = library.read_bytes()[:20]
        assert head.startswith(b"\x7fELF")
        assert int.from_bytes(head[18:20], "little") == ELF_MACHINE[architecture], library


def test_layer_libraries_need_no_removed_library(layer):
    _, folder = layer
    present = {f.name.encode() for f in folder.glob("python/pillow*.libs/*")}
    for library in folder.rglob("*.so*"):
        missing = set(BUNDLED_LIBRARY.findall(library.read_bytes())) - present
        assert not missing, library


def test_layer_contains_the_runtime_but_not_boto3(layer):
    _, folder = layer
    assert os.access(folder / "retouch-runtime", os.X_OK)
    assert (folder / "python" / "retouch" / "api" / "openapi.json").exists()
    assert not list(folder.glob("python/boto*"))


def test_layer_modules_are_compiled_with_unchecked_hashes(layer):
    _, folder = layer
    for module in folder.rglob("*.py"):
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH
