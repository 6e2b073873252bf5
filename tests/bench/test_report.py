from typing import Any

import pytest

from bench import markdown_sections, paths, report, summary
from bench.coldstart import StartMeasurements
from bench.scenario_client import Measurements
from bench.scenarios import SCENARIOS, SMALL, Scenario
from bench.targets import DIRECT, PORTKEY, RETOUCH


def make_measurements(seconds: float, **cpu: float) -> Measurements:
    return Measurements(
        seconds=[[seconds] * 3] * 3,
        cpu=[cpu] * 3,
        image="PNG 256x256",
        is_valid=True,
        upstream_calls=1,
    )


@pytest.fixture
def result() -> dict[str, Any]:
    measurements = {
        DIRECT: make_measurements(0.001),
        PORTKEY: make_measurements(0.005, gateway=0.010),
        RETOUCH: make_measurements(0.003, worker=0.005, front=0.002),
    }
    starts = {
        PORTKEY: StartMeasurements([0.3, 0.2, 0.9], [{"gateway": 100.0}] * 3),
        RETOUCH: StartMeasurements([0.15] * 3, [{"worker": 60.0, "front": 40.0}] * 3),
    }
    return {
        "cells": summary.scenario_records(dict.fromkeys(SCENARIOS, measurements)),
        "starts": summary.start_records(starts),
        "peak_rss_mb": {PORTKEY: {"gateway": 300.0}, RETOUCH: {"worker": 90.0, "front": 50.0}},
        "not_run": {},
    }


def lines_starting_with(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {start}")]


def test_ratio_table_shows_each_ratio_with_its_goal(result) -> None:
    text = report.ratio_table(result["cells"])
    row = "| 20 KB → URL | 0.50x | ≤ 0.6x ✓ | 0.70x | 0.50x | ≤ 1x ✓ | 0.50x |"
    assert lines_starting_with(text, "20 KB → URL") == [row]
    (masked_row,) = lines_starting_with(text, "3 MB → 1.15 MB picture, with mask")
    assert "≤" not in masked_row


def test_median_table_lists_every_target_and_process_part(result) -> None:
    rows = lines_starting_with(report.median_table(result["cells"]), "20 KB → URL")
    assert rows == [
        "| 20 KB → URL | direct | 1.00 | 1.00 | – | – | – | 0 |",
        "| 20 KB → URL | Portkey | 5.00 | 5.00 | 4.00 | 4.00 | 10.00 | 0 |",
        "| 20 KB → URL | Retouch | 3.00 | 3.00 | 2.00 | 2.00 | 5.00 worker + 2.00 front | 0 |",
    ]


def test_start_table_uses_the_worker_process_only(result) -> None:
    text = report.start_table(result)
    assert "| process start to first edit, ms | 300 | 150 | 0.50x | ≤ 1x ✓ |" in text
    assert "| memory after it, MB | 100 | 60 | 0.60x | ≤ 80 MB ✓ |" in text
    assert "| peak memory of the run, MB | 300 | 90 | 0.30x | – |" in text


def test_goal_text_marks_a_missed_goal() -> None:
    assert report.goal_text(1.2, 1.0) == "≤ 1x ✗"
    assert report.goal_text(None, 0.6) == "≤ 0.6x"


def test_render_without_portkey_still_shows_the_other_targets(result) -> None:
    for cell in result["cells"]:
        del cell["targets"][PORTKEY]
    del result["starts"][PORTKEY], result["peak_rss_mb"][PORTKEY]
    text = report.render(result | {"not_run": {PORTKEY: "npm install failed"}})
    assert text.startswith("Portkey: not run, npm install failed.")
    assert "| 20 KB → URL | – | ≤ 0.6x | – | – | ≤ 1x | – |" in text


def test_scenario_record_has_no_times_when_every_request_failed(result) -> None:
    failed = Measurements(seconds=[[], []], failures=["500 no"] * 6, image="500 no")
    record = summary.scenario_record(failed, make_measurements(0.001))
    assert record["failures"] == 6
    assert record["first_failure"] == "500 no"
    assert "p50_ms" not in record
    (warning,) = report.find_warnings([{"label": "row", "targets": {RETOUCH: record}}])
    assert "row, Retouch: 6 failed, image: 500 no, provider calls: 0" in warning


def test_find_warnings_is_empty_for_valid_measurements(result) -> None:
    assert report.find_warnings(result["cells"]) == []


def test_scenarios_have_a_goal_and_a_masked_variant_for_every_upload() -> None:
    assert {cell.upload for cell in SCENARIOS if cell.has_mask} == set(report.CPU_GOAL)
    assert Scenario("20 KB", SMALL) in SCENARIOS


@pytest.mark.parametrize(
    "name", [markdown_sections.BENCH_SECTION, markdown_sections.PIXELS_SECTION]
)
def test_replace_section_keeps_the_text_around_the_section(tmp_path, name) -> None:
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    path = tmp_path / "README.md"
    path.write_text(f"before\n{start}\nold\n{end}\nafter\n")
    for _ in range(2):
        markdown_sections.replace_section(
            path, name, markdown_sections.format_section("| a |", "2 cores")
        )
    text = path.read_text()
    assert text.startswith(f"before\n{start}\n| a |\n\nMeasured on 2 cores")
    assert text.endswith(f"`make bench`.\n{end}\nafter\n")
    assert "old" not in text


def test_replace_section_raises_when_the_page_has_no_markers(tmp_path) -> None:
    path = tmp_path / "README.md"
    path.write_text("nothing here")
    with pytest.raises(ValueError, match="bench:start"):
        markdown_sections.replace_section(path, markdown_sections.BENCH_SECTION, "x")
    assert path.read_text() == "nothing here"


def test_readme_and_speed_page_have_the_section_markers() -> None:
    for path, names in ((paths.README, ["bench"]), (paths.SPEED, ["bench", "pixels"])):
        text = path.read_text(encoding="utf-8")
        assert all(f"<!-- {name}:{edge} -->" in text for name in names for edge in ("start", "end"))
