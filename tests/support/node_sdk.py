"""The folder with the Node SDKs, which npm installs once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.file_lock import hold_file_lock

HERE = Path(__file__).parents[1] / "e2e" / "node"
WORK = Path(__file__).parents[2] / ".work" / "node"


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory):
    """Return a folder of this process with the scripts and the SDKs. Tests may write scripts into it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("not run: Node is not installed. Install Node 20 or newer with npm")
    if not install_sdks(WORK):
        pytest.skip(
            "not run: npm could not install the SDKs. "
            f"Connect to the npm registry and run `npm ci` in {WORK}"
        )
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(WORK / "node_modules")
    return folder


def install_sdks(folder):
    """Install the packages unless a process has installed them whole. Return whether they are there."""
    lock_file = HERE / "package-lock.json"
    installed_lock = folder / "installed-package-lock.json"
    with hold_file_lock(folder.with_name(f"{folder.name}.lock")):
        if not (installed_lock.exists() and installed_lock.read_bytes() == lock_file.read_bytes()):
            shutil.copytree(HERE, folder, dirs_exist_ok=True)
            npm = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, timeout=100)
            if npm.returncode:
                return False
            shutil.copy(lock_file, installed_lock)
    return True
