"""Write the benchmark sections of the README and the documentation, and the chart of the page."""

from pathlib import Path
from typing import Any

from bench import chart, report
from bench.paths import README, SPEED, SPEED_CHART

BENCH_SECTION, PIXELS_SECTION, MEMORY_SECTION = "bench", "pixels", "memory"
INPAINT_SECTION = "inpaint"


def write_comparison(result: dict[str, Any]) -> None:
    """Write the chart beside docs/speed.md, all tables into it, and two sentences into the README."""
    replace_section(README, BENCH_SECTION, report.summary_text(result))
    replace_section(SPEED, BENCH_SECTION, format_section(report.render(result), result["machine"]))
    SPEED_CHART.write_text(chart.draw_comparison(result), encoding="utf-8")


def format_section(table: str, machine: str) -> str:
    """Return the text between the markers."""
    return f"{table}\n\nMeasured on {machine}, everything on 127.0.0.1, by `make bench`.\n"


def replace_section(path: Path, section_name: str, text: str) -> None:
    """Replace the text between the markers. Raises ValueError when the file has no markers, and leaves it unchanged."""
    markers = f"<!-- {section_name}:start -->", f"<!-- {section_name}:end -->"
    old = path.read_text(encoding="utf-8")
    before, start, rest = old.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not start or not end:
        raise ValueError(f"{path.name} has no {markers[0]} and {markers[1]}")
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")
