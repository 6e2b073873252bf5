"""Write the benchmark sections of the README and the documentation, and the chart of the page."""

from pathlib import Path
from typing import Any

from bench import chart, report
from bench.paths import README, SPEED, SPEED_CHART
from tools.docs import replace_section

BENCH_SECTION, PIXELS_SECTION, MEMORY_SECTION = "bench", "pixels", "memory"
INPAINT_SECTION = "inpaint"


def write_comparison(result: dict[str, Any]) -> None:
    """Write the chart beside docs/speed.md, all tables into it, and two sentences into the README."""
    write_section(README, BENCH_SECTION, report.summary_text(result))
    write_section(SPEED, BENCH_SECTION, format_section(report.render(result), result["machine"]))
    SPEED_CHART.write_text(chart.draw_comparison(result), encoding="utf-8")


def format_section(table: str, machine: str) -> str:
    """Return the text between the markers."""
    return f"{table}\n\nMeasured on {machine}, everything on 127.0.0.1, by `make bench`.\n"


def write_section(path: Path, section_name: str, text: str) -> None:
    """Replace the section of a file. Raises ValueError when the file has no markers, and leaves it unchanged."""
    page = path.read_text(encoding="utf-8")
    path.write_text(replace_section(page, section_name, text.strip()), encoding="utf-8")
