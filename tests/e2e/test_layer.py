"""The layer as it is built, for both processors."""

import os
import re
import shutil
import subprocess

import pytest

from tests.e2e.built import ENV, ROOT, need_interpreter

SOURCE = ROOT / "layers" / "retouch"
MACHINE = {"arm64": 0xB7, "x86_64": 0x3E}
BUNDLED = re.compile(rb"lib[\w+]+-[0-9a-f]{8}\.so[.\d]*")
UNCHECKED_HASH = 1


@pytest.fixture(scope="module", params=MACHINE)
def layer(request, tmp_path_factory):
    """(architecture, folder), built in a copy of the source as `sam build` does it."""
    need_interpreter()
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(SOURCE, folder / "source")
    (folder / "out").mkdir()
    done = subprocess.run(
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
    if "Failed to fetch" in done.stderr:
        pytest.skip("not run: no package index to take the layer's libraries from")
    assert done.returncode == 0, done.stderr
    assert f"the layer for {request.param} has " in done.stdout
    return request.param, folder / "out"


def test_it_is_small_enough(layer):
    _, folder = layer
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) <= 52_000_000


def test_it_is_for_the_processor_that_was_asked_for(layer):
    architecture, folder = layer
    libraries = [f for f in folder.rglob("*") if f.is_file() and ".so" in f.suffixes]
    assert len(libraries) > 10
    for library in libraries:
        head = library.read_bytes()[:20]
        assert head.startswith(b"\x7fELF")
        assert int.from_bytes(head[18:20], "little") == MACHINE[architecture], library


def test_no_library_that_is_left_needs_one_that_was_removed(layer):
    _, folder = layer
    present = {f.name.encode() for f in (folder / "python" / "pillow.libs").iterdir()}
    for library in folder.rglob("*.so*"):
        missing = set(BUNDLED.findall(library.read_bytes())) - present
        assert not missing, library


def test_it_brings_the_runtime_and_not_what_lambda_has(layer):
    _, folder = layer
    assert os.access(folder / "retouch-runtime", os.X_OK)
    assert (folder / "python" / "retouch" / "openapi.json").exists()
    assert not list(folder.glob("python/boto*"))


def test_every_module_is_compiled_whatever_its_time_says(layer):
    _, folder = layer
    for module in folder.rglob("*.py"):
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH
