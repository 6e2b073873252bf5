"""The result as markdown: ratios with their targets, then the medians behind them."""

from collections.abc import Sequence
from typing import Any

from bench.stats import ratio
from bench.targets import DIRECT, PORTKEY, RETOUCH, billed

Record = dict[str, Any]
NAMES = (DIRECT, PORTKEY, RETOUCH)
# Goals are ratios to Portkey, but for the memory, which is in MB.
CPU_GOAL = {"20 KB": 0.6, "3 MB": 1.0}
ADDED_GOAL = START_GOAL = 1.0
MEMORY_GOAL_MB = 80
NONE = "–"


def render(result: Record) -> str:
    """All tables, under a line for whoever was not run."""
    missing = [f"{name}: not run, {why}." for name, why in result["not_run"].items()]
    ratios = ["Retouch / Portkey, below 1 is better:", ratio_table(result["cells"])]
    start = ["Start and memory:", start_table(result)]
    absolute = ["Medians in ms:", median_table(result["cells"])]
    return "\n\n".join([*missing, *ratios, *start, *absolute])


def ratio_table(cells: Sequence[Record]) -> str:
    """How Retouch stands to Portkey, cell by cell."""
    head = ("upload → answer", "CPU worker", "goal", "CPU worker + front", "added p50", "goal")
    return table((*head, "added p99"), [_ratio_row(cell) for cell in cells])


def start_table(result: Record) -> str:
    """Cold start and memory."""
    starts, peaks = result["starts"], result["peak_rss_mb"]
    cold = [starts.get(name, {}).get("ms") for name in (PORTKEY, RETOUCH)]
    fresh = [billed(starts.get(name, {}).get("rss_mb", {})) for name in (PORTKEY, RETOUCH)]
    peak = [billed(peaks.get(name, {})) for name in (PORTKEY, RETOUCH)]
    rows = [
        _start_row("process start to first edit, ms", cold, goal(_through(cold), START_GOAL)),
        _start_row("memory after it, MB", fresh, goal(fresh[1], MEMORY_GOAL_MB, " MB")),
        _start_row("peak memory of the run, MB", peak, NONE),
    ]
    return table(("", PORTKEY, "Retouch worker", "ratio", "goal"), rows)


def median_table(cells: Sequence[Record]) -> str:
    """What was measured, per cell and target."""
    head = ("upload → answer", "", "p50", "p99", "added p50", "added p99", "CPU/request", "failed")
    rows = [
        _median_row(cell["label"], name, cell["targets"][name])
        for cell in cells
        for name in NAMES
        if name in cell["targets"]
    ]
    return table(head, rows)


def doubts(cells: Sequence[Record]) -> list[str]:
    """Whatever makes a number untrustworthy: failures, no picture, not one provider call per edit."""
    return [
        f"{cell['label']}, {name}: {one['failures']} failed, picture: {one['picture']}, "
        f"provider calls: {one['upstream_calls']}, first failure: {one['first_failure']}"
        for cell in cells
        for name, one in cell["targets"].items()
        if one["failures"] or one["upstream_calls"] != 1 or not one["sound"]
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def goal(value: float | None, limit: float, unit: str = "x") -> str:
    """The goal and whether it was reached."""
    mark = "" if value is None else " ✓" if value <= limit else " ✗"
    return f"≤ {limit:g}{unit}{mark}"


def _ratio_row(cell: Record) -> list[str]:
    theirs, ours = (cell["targets"].get(name, {}) for name in (PORTKEY, RETOUCH))
    used = [one.get("cpu_ms", {}) for one in (theirs, ours)]
    cpu = _through([billed(one) for one in used])
    added, added_p99 = (
        ratio(ours.get(key), theirs.get(key)) for key in ("added_p50_ms", "added_p99_ms")
    )
    whole = _through([sum(one.values()) or None for one in used])
    # A mask makes Retouch work on pixels, Portkey does not: shown, but no goal.
    goals = [NONE, NONE]
    if not cell["masked"]:
        goals = [goal(cpu, CPU_GOAL[cell["upload"]]), goal(added, ADDED_GOAL)]
    return [cell["label"], _x(cpu), goals[0], _x(whole), _x(added), goals[1], _x(added_p99)]


def _start_row(label: str, pair: Sequence[float | None], reached: str) -> list[str]:
    return [label, *(_number(value, 0) for value in pair), _x(_through(pair)), reached]


def _median_row(label: str, name: str, one: Record) -> list[str]:
    times = [_number(one.get(f"{key}_ms")) for key in ("p50", "p99", "added_p50", "added_p99")]
    if name == DIRECT:
        times[2:] = [NONE, NONE]
    return [label, name, *times, _cpu(one["cpu_ms"]), str(one["failures"])]


def _cpu(by_part: Record) -> str:
    if len(by_part) < 2:
        return next((_number(value) for value in by_part.values()), NONE)
    return " + ".join(f"{_number(value)} {part}" for part, value in by_part.items())


def _through(pair: Sequence[float | None]) -> float | None:
    theirs, ours = pair
    return ratio(ours, theirs)


def _x(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}x"


def _number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:.{digits}f}"
