"""The files and folders of the benchmark."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK_FOLDER = ROOT / ".work" / "bench"
IMAGES = WORK_FOLDER / "images"
LOGS = WORK_FOLDER / "logs"
PORTKEY = WORK_FOLDER / "portkey"
RESULT = WORK_FOLDER / "result.json"
PROFILE = WORK_FOLDER / "worker.prof"
README = ROOT / "README.md"
SPEED = ROOT / "docs" / "speed.md"
LOOPBACK_PRELOAD = Path(__file__).with_name("force_loopback.cjs")


def create_folders() -> None:
    """Create the folders of a run."""
    for folder in (IMAGES, LOGS, PORTKEY):
        folder.mkdir(parents=True, exist_ok=True)
