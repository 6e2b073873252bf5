"""Convert the measurements to the numbers of the report."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from bench import goals, processes
from bench.coldstart import StartMeasurements
from bench.measure import Results
from bench.scenario_client import Measurements
from bench.stats import median_or_none, percentile
from bench.targets import DIRECT, Target

Record = dict[str, Any]


def scenario_records(results: Results) -> list[Record]:
    """Return one record for each scenario: its label and the measurements of every target."""
    return [
        {
            "label": scenario.label,
            "goals": asdict(goals.find_goals(scenario)),
            "targets": {
                name: scenario_record(measurements, series[DIRECT])
                for name, measurements in series.items()
            },
        }
        for scenario, series in results.items()
    ]


def scenario_record(measurements: Measurements, direct: Measurements) -> Record:
    """Return the medians over the rounds. The p99 covers all rounds, because one round is too short for it."""
    all_seconds, direct_seconds = (list(chain(*one.seconds)) for one in (measurements, direct))
    record: Record = {
        "n": len(all_seconds),
        "failures": len(measurements.failures),
        "first_failure": next(iter(measurements.failures), None),
        "picture": measurements.image,
        "sound": measurements.is_valid,
        "upstream_calls": measurements.upstream_calls,
        "cpu_ms": _milliseconds_by_part(measurements.cpu),
    }
    if not all_seconds or not direct_seconds:
        return record
    added = [_p50(ours) - _p50(theirs) for ours, theirs in _paired_rounds(measurements, direct)]
    p99 = percentile(all_seconds, 99)
    return record | {
        "p50_ms": _to_milliseconds(
            median_or_none([_p50(seconds) for seconds in measurements.seconds if seconds])
        ),
        "p99_ms": _to_milliseconds(p99),
        "added_p50_ms": _to_milliseconds(median_or_none(added)),
        "added_p99_ms": _to_milliseconds(p99 - percentile(direct_seconds, 99)),
    }


def start_records(measurements: Mapping[str, StartMeasurements]) -> dict[str, Record]:
    """Return the cold start times and the memory right after the starts."""
    return {
        name: {
            "ms": _to_milliseconds(median_or_none(measurement.seconds)),
            "all_ms": [_to_milliseconds(seconds) for seconds in measurement.seconds],
            "rss_mb": _medians_by_part(measurement.rss_mb),
        }
        for name, measurement in measurements.items()
    }


def peak_memory(targets: Sequence[Target]) -> dict[str, dict[str, float]]:
    """Return the peak memory of every target in MiB, by process part."""
    return {t.name: {part: round(mb, 1) for part, mb in t.peak_rss_mb().items()} for t in targets}


def machine_description() -> str:
    """Return a description of the machine, without values that change from day to day."""
    node = [f"Node {_node_version()}"] if processes.has_commands("node") else []
    versions = [f"{os.cpu_count()} cores", f"Python {platform.python_version()}", *node]
    return ", ".join(versions)


def _node_version() -> str:
    completed = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return completed.stdout.strip().removeprefix("v")


def _paired_rounds(
    measurements: Measurements, direct: Measurements
) -> list[tuple[list[float], list[float]]]:
    rounds = zip(measurements.seconds, direct.seconds, strict=True)
    return [(ours, theirs) for ours, theirs in rounds if ours and theirs]


def _p50(seconds: Sequence[float]) -> float:
    return percentile(seconds, 50)


def _to_milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _milliseconds_by_part(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {part: round(value * 1e3, 3) for part, value in _medians_by_part(rounds, 9).items()}


def _medians_by_part(rows: Sequence[Mapping[str, float]], digits: int = 1) -> dict[str, float]:
    part_names = rows[0] if rows else {}
    return {
        part: round(median_or_none([row[part] for row in rows]) or 0.0, digits)
        for part in part_names
    }
