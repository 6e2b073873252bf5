"""From measured seconds to the numbers that are quoted."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from bench import children
from bench.coldstart import Starts
from bench.lanes import Series
from bench.measure import Results
from bench.stats import median_of, percentile
from bench.targets import DIRECT, Target

Record = dict[str, Any]


def cells(results: Results) -> list[Record]:
    """One record per cell: its name and what every target did."""
    return [
        {
            "label": cell.label,
            "upload": cell.upload,
            "masked": cell.masked,
            "targets": {name: cell_record(one, series[DIRECT]) for name, one in series.items()},
        }
        for cell, series in results.items()
    ]


def cell_record(series: Series, direct: Series) -> Record:
    """Medians over the rounds; p99 is over all of them, a round is too short for one."""
    everything, base = (list(chain(*one.seconds)) for one in (series, direct))
    record: Record = {
        "n": len(everything),
        "failures": len(series.failures),
        "first_failure": next(iter(series.failures), None),
        "picture": series.picture,
        "sound": series.sound,
        "upstream_calls": series.upstream_calls,
        "cpu_ms": _ms_by_part(series.cpu),
    }
    if not everything or not base:
        return record
    added = [_p50(ours) - _p50(theirs) for ours, theirs in _pairs(series, direct)]
    p99 = percentile(everything, 99)
    return record | {
        "p50_ms": _ms(median_of([_p50(seconds) for seconds in series.seconds if seconds])),
        "p99_ms": _ms(p99),
        "added_p50_ms": _ms(median_of(added)),
        "added_p99_ms": _ms(p99 - percentile(base, 99)),
    }


def starts(found: Mapping[str, Starts]) -> dict[str, Record]:
    """Cold starts and the memory right after them."""
    return {
        name: {
            "ms": _ms(median_of(one.seconds)),
            "all_ms": [_ms(seconds) for seconds in one.seconds],
            "rss_mb": _medians(one.rss_mb),
        }
        for name, one in found.items()
    }


def peaks(targets: Sequence[Target]) -> dict[str, dict[str, float]]:
    """The largest memory of every target, by part."""
    return {t.name: {part: round(mb, 1) for part, mb in t.peak_rss().items()} for t in targets}


def machine() -> str:
    """What ran it, without what changes from day to day."""
    node = [f"Node {_node()}"] if children.found("node") else []
    versions = [f"{os.cpu_count()} cores", f"Python {platform.python_version()}", *node]
    return ", ".join(versions)


def _node() -> str:
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.strip().removeprefix("v")


def _pairs(series: Series, direct: Series) -> list[tuple[list[float], list[float]]]:
    rounds = zip(series.seconds, direct.seconds, strict=True)
    return [(ours, theirs) for ours, theirs in rounds if ours and theirs]


def _p50(seconds: Sequence[float]) -> float:
    return percentile(seconds, 50)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _ms_by_part(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {part: round(value * 1e3, 3) for part, value in _medians(rounds, 9).items()}


def _medians(rows: Sequence[Mapping[str, float]], digits: int = 1) -> dict[str, float]:
    parts = rows[0] if rows else {}
    return {part: round(median_of([row[part] for row in rows]) or 0.0, digits) for part in parts}
