"""The bench's sections of the README and of docs/speed.md."""

from pathlib import Path
from typing import Any

from bench import report
from bench.paths import README, SPEED

BENCH, PIXELS = "bench", "pixels"  # names of sections


def compared(result: dict[str, Any]) -> None:
    """The ratios go into the README, all tables into docs/speed.md."""
    ratios = f"Retouch / Portkey, below 1 is better:\n\n{report.ratio_table(result['cells'])}"
    splice(README, BENCH, ratios)
    splice(SPEED, BENCH, section(report.render(result), result["machine"]))


def section(table: str, machine: str) -> str:
    """What stands between the markers."""
    return f"{table}\n\nMeasured on {machine}, everything on 127.0.0.1, by `make bench`.\n"


def splice(path: Path, name: str, text: str) -> None:
    """Put the text between the section's markers. ValueError for a file without them, which is left alone."""
    marks = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    old = path.read_text(encoding="utf-8")
    before, start, rest = old.partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not start or not end:
        raise ValueError(f"{path.name} has no {marks[0]} and {marks[1]}")
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")
