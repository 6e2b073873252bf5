"""Render the result as markdown: ratios to Portkey with their goals, the losses, then the medians."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import goals
from bench.stats import ratio
from bench.targets import DEPLOYED, DIRECT, LITELLM, PORTKEY, RETOUCH, billed_value

Record = dict[str, Any]
TARGET_NAMES = (DIRECT, PORTKEY, LITELLM, RETOUCH, DEPLOYED)
PHASES = {"fresh": "first requests", "warm": "warm"}
MISSING = "–"


def render(result: Record) -> str:
    """Return all tables, after a line for each target that did not run."""
    missing = [f"{name}: not run, {why}." for name, why in result["not_run"].items()]
    medians = [
        text
        for phase, title in PHASES.items()
        for text in (f"Medians in ms, {title}:", median_table(result[phase]))
    ]
    parts = [*missing, ratios_text(result), "Start and memory:", start_table(result), *medians]
    return "\n\n".join(parts)


def ratios_text(result: Record) -> str:
    """Return both tables of ratios and the sentence about the losses."""
    return "\n\n".join(
        [
            "CPU of the billed process, Retouch / Portkey, below 1 is better:",
            cpu_table(result["fresh"], result["warm"]),
            "Added time, Retouch / Portkey, below 1 is better:",
            time_table(result["fresh"], result["warm"]),
            losses_text(result),
        ]
    )


def cpu_table(fresh: Sequence[Record], warm: Sequence[Record]) -> str:
    """Return the ratios of CPU for each scenario, for both configurations of Retouch."""
    head = ("upload → answer", "first requests", "goal", "warm", "goal")
    deployed = ("as deployed, first", "as deployed, warm", "as deployed, ms")
    rows = [_cpu_row(*pair) for pair in zip(fresh, warm, strict=True)]
    return markdown_table((*head, *deployed), rows)


def time_table(fresh: Sequence[Record], warm: Sequence[Record]) -> str:
    """Return the ratios of the added time for each scenario."""
    head = ("upload → answer", "p50, first requests", "p50, warm", "goal", "p99, warm", "goal")
    rows = [_time_row(*pair) for pair in zip(fresh, warm, strict=True)]
    return markdown_table((*head, "p50 as deployed, warm"), rows)


def losses_text(result: Record) -> str:
    """Return a list that names every scenario in which Retouch needs more than Portkey."""
    losses = [
        f"- {what}, {title}: {'; '.join(labels)}"
        for phase, title in PHASES.items()
        for what, read_ratio in _RATIOS.items()
        if (labels := [one["label"] for one in result[phase] if (read_ratio(one) or 0) > 1])
    ]
    if not losses:
        return "Retouch needs less than Portkey in every row."
    return "\n".join(["Retouch needs more than Portkey here:", "", *losses])


def summary_text(result: Record) -> str:
    """Return one sentence for edits without a mask and one for edits with a mask: the ranges of the warm ratios.

    Rows without a goal are left out: there Portkey does not do what Retouch does.
    """
    compared = [record for record in result["warm"] if any(record["goals"].values())]
    sentences = []
    for text, has_mask in (("Without a mask", False), ("With a mask", True)):
        records = [r for r in compared if r["label"].endswith("with mask") is has_mask]
        cpu = _range_text([cpu_ratio(record) for record in records])
        added = _range_text([added_ratio(record, "p50") for record in records])
        sentences.append(f"{text}, Retouch needs {cpu} Portkey's CPU and {added} its added time.")
    return "\n".join(sentences)


def _range_text(ratios: Sequence[float | None]) -> str:
    known = [value for value in ratios if value is not None]
    return f"{min(known):.2f} to {max(known):.2f} times" if known else "(not measured)"


def start_table(result: Record) -> str:
    """Return the table of cold start and memory."""
    starts, peaks = result["starts"], result["peak_rss_mb"]
    names = (PORTKEY, RETOUCH, DEPLOYED)
    cold = [starts.get(name, {}).get("ms") for name in names]
    start_memory = [billed_value(starts.get(name, {}).get("rss_mb", {})) for name in names]
    peak = [billed_value(peaks.get(name, {})) for name in names]
    start_ratio = ratio(cold[1], cold[0])
    start_goals = [
        goal_text(start_ratio, goals.START_RATIO),
        goal_text(cold[2], goals.DEPLOYED_START_MS, " ms as deployed"),
    ]
    memory_goal = goal_text(start_memory[1], goals.START_MEMORY_MB, " MB")
    rows = [
        _start_row("process start to first edit, ms", cold, ", ".join(start_goals)),
        _start_row("memory after it, MB", start_memory, memory_goal),
        _start_row("peak memory of the run, MB", peak, MISSING),
    ]
    return markdown_table(("", PORTKEY, RETOUCH, "as deployed", "ratio", "goal"), rows)


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


def find_warnings(result: Record) -> list[str]:
    """Return warnings about unreliable results: failures, a missing image, or not one provider call per edit."""
    return [
        f"{record['label']}, {name}: {measures['failures']} failed, image: {measures['picture']}, "
        f"provider calls: {measures['upstream_calls']}, first failure: {measures['first_failure']}"
        for phase in PHASES
        for record in result[phase]
        for name, measures in record["targets"].items()
        if measures["failures"] or measures["upstream_calls"] != 1 or not measures["sound"]
    ]


def cpu_ratio(record: Record, name: str = RETOUCH) -> float | None:
    """Return the CPU of the billed process of a target as a ratio to Portkey."""
    return ratio(_cpu_ms(record, name), _cpu_ms(record, PORTKEY))


def added_ratio(record: Record, percentile: str, name: str = RETOUCH) -> float | None:
    """Return the added time of a target as a ratio to Portkey. `percentile` is p50 or p99."""
    key = f"added_{percentile}_ms"
    ours, theirs = (record["targets"].get(each, {}).get(key) for each in (name, PORTKEY))
    return ratio(ours, theirs)


_RATIOS: Mapping[str, Callable[[Record], float | None]] = {
    "CPU": cpu_ratio,
    "p50": lambda record: added_ratio(record, "p50"),
}


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a markdown table. All columns except the first are right-aligned numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def goal_text(value: float | None, limit: float | None, unit: str = "x") -> str:
    """Return the goal and a mark that shows whether the value reaches it."""
    if limit is None:
        return MISSING
    mark = "" if value is None else " ✓" if value <= limit else " ✗"
    return f"≤ {limit:g}{unit}{mark}"


def ratio_text(value: float | None) -> str:
    """Return a ratio as text."""
    return MISSING if value is None else f"{value:.2f}x"


def _cpu_ms(record: Record, name: str) -> float | None:
    return billed_value(record["targets"].get(name, {}).get("cpu_ms", {}))


def _cpu_row(fresh: Record, warm: Record) -> list[str]:
    limits, deployed_ms = warm["goals"], _cpu_ms(warm, DEPLOYED)
    ms_text = _number_text(deployed_ms)
    if limits["cpu_ms"] is not None:
        ms_text += f", {goal_text(deployed_ms, limits['cpu_ms'], ' ms')}"
    return [
        warm["label"],
        ratio_text(cpu_ratio(fresh)),
        goal_text(cpu_ratio(fresh), limits["cpu_fresh"]),
        ratio_text(cpu_ratio(warm)),
        goal_text(cpu_ratio(warm), limits["cpu_warm"]),
        ratio_text(cpu_ratio(fresh, DEPLOYED)),
        ratio_text(cpu_ratio(warm, DEPLOYED)),
        ms_text,
    ]


def _time_row(fresh: Record, warm: Record) -> list[str]:
    limits = warm["goals"]
    p50, p99 = (added_ratio(warm, percentile) for percentile in ("p50", "p99"))
    return [
        warm["label"],
        ratio_text(added_ratio(fresh, "p50")),
        ratio_text(p50),
        goal_text(p50, limits["added_p50"]),
        ratio_text(p99),
        goal_text(p99, limits["added_p99"]),
        ratio_text(added_ratio(warm, "p50", DEPLOYED)),
    ]


def _start_row(label: str, values: Sequence[float | None], goal_cell: str) -> list[str]:
    texts = [_number_text(value, 0) for value in values]
    return [label, *texts, ratio_text(ratio(values[1], values[0])), goal_cell]


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


def _number_text(value: float | None, digits: int = 2) -> str:
    return MISSING if value is None else f"{value:.{digits}f}"
