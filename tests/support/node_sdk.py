"""The folder with the Node SDKs, which npm installs once."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "e2e" / "node"
WORK = Path(__file__).parents[2] / ".work" / "node"


@pytest.fixture(scope="session")
def node_folder():
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("not run: Node is not installed. Install Node 20 or newer with npm")
    if not (WORK / "node_modules" / "ai").exists():
        shutil.copytree(HERE, WORK, dirs_exist_ok=True)
        installed = subprocess.run(["npm", "ci"], cwd=WORK, capture_output=True, timeout=100)
        if installed.returncode:
            pytest.skip(
                "not run: npm could not install the SDKs. "
                f"Connect to the npm registry and run `npm ci` in {WORK}"
            )
    return WORK
