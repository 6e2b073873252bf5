"""Render the result as markdown: ratios with their goals, then the medians."""

from collections.abc import Sequence
from typing import Any

from bench.stats import ratio
from bench.targets import DIRECT, PORTKEY, RETOUCH, billed_value

Record = dict[str, Any]
TARGET_NAMES = (DIRECT, PORTKEY, RETOUCH)
# Goals are ratios to Portkey, except for the memory, which is in MB.
CPU_GOAL = {"20 KB": 0.6, "3 MB": 1.0}
ADDED_GOAL = START_GOAL = 1.0
MEMORY_GOAL_MB = 80
MISSING = "–"


def render(result: Record) -> str:
    """Return all tables, after a line for each target that did not run."""
    missing = [f"{name}: not run, {why}." for name, why in result["not_run"].items()]
    ratios = ["Retouch / Portkey, below 1 is better:", ratio_table(result["cells"])]
    start = ["Start and memory:", start_table(result)]
    absolute = ["Medians in ms:", median_table(result["cells"])]
    return "\n\n".join([*missing, *ratios, *start, *absolute])


def ratio_table(records: Sequence[Record]) -> str:
    """Return the ratios of Retouch to Portkey for each scenario."""
    head = ("upload → answer", "CPU worker", "goal", "CPU worker + front", "added p50", "goal")
    return markdown_table((*head, "added p99"), [_ratio_row(record) for record in records])


def start_table(result: Record) -> str:
    """Return the table of cold start and memory."""
    starts, peaks = result["starts"], result["peak_rss_mb"]
    cold = [starts.get(name, {}).get("ms") for name in (PORTKEY, RETOUCH)]
    start_memory = [
        billed_value(starts.get(name, {}).get("rss_mb", {})) for name in (PORTKEY, RETOUCH)
    ]
    peak = [billed_value(peaks.get(name, {})) for name in (PORTKEY, RETOUCH)]
    rows = [
        _start_row(
            "process start to first edit, ms", cold, goal_text(_pair_ratio(cold), START_GOAL)
        ),
        _start_row(
            "memory after it, MB", start_memory, goal_text(start_memory[1], MEMORY_GOAL_MB, " MB")
        ),
        _start_row("peak memory of the run, MB", peak, MISSING),
    ]
    return markdown_table(("", PORTKEY, "Retouch worker", "ratio", "goal"), rows)


def median_table(records: Sequence[Record]) -> str:
    """Return the table of the medians for each scenario and target."""
    head = ("upload → answer", "", "p50", "p99", "added p50", "added p99", "CPU/request", "failed")
    rows = [
        _median_row(record["label"], name, record["targets"][name])
        for record in records
        for name in TARGET_NAMES
        if name in record["targets"]
    ]
    return markdown_table(head, rows)


def find_warnings(records: Sequence[Record]) -> list[str]:
    """Return warnings about unreliable results: failures, a missing image, or not one provider call per edit."""
    return [
        f"{record['label']}, {name}: {measures['failures']} failed, image: {measures['picture']}, "
        f"provider calls: {measures['upstream_calls']}, first failure: {measures['first_failure']}"
        for record in records
        for name, measures in record["targets"].items()
        if measures["failures"] or measures["upstream_calls"] != 1 or not measures["sound"]
    ]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a markdown table. All columns except the first are right-aligned numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def goal_text(value: float | None, limit: float, unit: str = "x") -> str:
    """Return the goal and a mark that shows whether the value reaches it."""
    mark = "" if value is None else " ✓" if value <= limit else " ✗"
    return f"≤ {limit:g}{unit}{mark}"


def _ratio_row(record: Record) -> list[str]:
    portkey, retouch = (record["targets"].get(name, {}) for name in (PORTKEY, RETOUCH))
    cpu_by_part = [by_part.get("cpu_ms", {}) for by_part in (portkey, retouch)]
    cpu = _pair_ratio([billed_value(by_part) for by_part in cpu_by_part])
    added, added_p99 = (
        ratio(retouch.get(key), portkey.get(key)) for key in ("added_p50_ms", "added_p99_ms")
    )
    total_cpu = _pair_ratio([sum(by_part.values()) or None for by_part in cpu_by_part])
    # With a mask Retouch composites pixels and Portkey does not, so the ratio has no goal.
    goals = [MISSING, MISSING]
    if not record["masked"]:
        goals = [goal_text(cpu, CPU_GOAL[record["upload"]]), goal_text(added, ADDED_GOAL)]
    return [
        record["label"],
        _ratio_text(cpu),
        goals[0],
        _ratio_text(total_cpu),
        _ratio_text(added),
        goals[1],
        _ratio_text(added_p99),
    ]


def _start_row(label: str, pair: Sequence[float | None], goal_cell: str) -> list[str]:
    return [
        label,
        *(_number_text(value, 0) for value in pair),
        _ratio_text(_pair_ratio(pair)),
        goal_cell,
    ]


def _median_row(label: str, name: str, measures: Record) -> list[str]:
    times = [
        _number_text(measures.get(f"{key}_ms")) for key in ("p50", "p99", "added_p50", "added_p99")
    ]
    if name == DIRECT:
        times[2:] = [MISSING, MISSING]
    return [label, name, *times, _cpu_text(measures["cpu_ms"]), str(measures["failures"])]


def _cpu_text(by_part: Record) -> str:
    if len(by_part) < 2:
        return next((_number_text(value) for value in by_part.values()), MISSING)
    return " + ".join(f"{_number_text(value)} {part}" for part, value in by_part.items())


def _pair_ratio(pair: Sequence[float | None]) -> float | None:
    portkey, retouch = pair
    return ratio(retouch, portkey)


def _ratio_text(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}x"


def _number_text(value: float | None, digits: int = 2) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
