"""The files and folders of the benchmark."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK_FOLDER = ROOT / ".work" / "bench"
IMAGES = WORK_FOLDER / "images"
LOGS = WORK_FOLDER / "logs"
PORTKEY = WORK_FOLDER / "portkey"
LITELLM = WORK_FOLDER / "litellm"
BASE_CHECKOUTS = WORK_FOLDER / "base"
RESULT = WORK_FOLDER / "result.json"
PROFILE = WORK_FOLDER / "worker.prof"
README = ROOT / "README.md"
LOCAL = ROOT / "docs" / "local.md"
SPEED = ROOT / "docs" / "speed.md"
SPEED_CHART = ROOT / "docs" / "speed.svg"
LOOPBACK_PRELOAD = Path(__file__).with_name("force_loopback.cjs")


def create_folders() -> None:
    """Create the folders of a run."""
    for folder in (IMAGES, LOGS, PORTKEY, LITELLM, BASE_CHECKOUTS):
        folder.mkdir(parents=True, exist_ok=True)
