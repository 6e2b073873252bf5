"""Where the bench keeps what it builds and what it finds."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".work" / "bench"
IMAGES = WORK / "images"
LOGS = WORK / "logs"
PORTKEY = WORK / "portkey"
RESULT = WORK / "result.json"
PROFILE = WORK / "worker.prof"
README = ROOT / "README.md"
SPEED = ROOT / "docs" / "speed.md"
PRELOAD = Path(__file__).with_name("force_loopback.cjs")


def prepare() -> None:
    """Make the folders of one run."""
    for folder in (IMAGES, LOGS, PORTKEY):
        folder.mkdir(parents=True, exist_ok=True)
