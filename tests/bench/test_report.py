from typing import Any
from xml.etree import ElementTree

import pytest

from bench import chart, markdown_sections, paths, report, summary
from bench.coldstart import StartMeasurements
from bench.goals import find_goals
from bench.scenario_client import Measurements
from bench.scenarios import SCENARIOS, SMALL, URL, Scenario
from bench.targets import DEPLOYED, DIRECT, PORTKEY, RETOUCH


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
        DEPLOYED: make_measurements(0.006, worker=0.006, front=0.002),
    }
    starts = {
        PORTKEY: StartMeasurements([0.3, 0.2, 0.9], [{"gateway": 100.0}] * 3),
        RETOUCH: StartMeasurements([0.15] * 3, [{"worker": 60.0, "front": 40.0}] * 3),
        DEPLOYED: StartMeasurements([0.16] * 3, [{"worker": 70.0, "front": 40.0}] * 3),
    }
    records = summary.scenario_records(dict.fromkeys(SCENARIOS, measurements))
    return {
        "fresh": records,
        "warm": records,
        "starts": summary.start_records(starts),
        "peak_rss_mb": {PORTKEY: {"gateway": 300.0}, RETOUCH: {"worker": 90.0, "front": 50.0}},
        "not_run": {},
    }


def lines_starting_with(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {start}")]


def test_cpu_table_shows_each_ratio_with_its_goal(result) -> None:
    text = report.cpu_table(result["fresh"], result["warm"])
    row = "| 20 KB → URL | 0.50x | ≤ 0.35x ✗ | 0.50x | ≤ 0.5x ✓ | 0.60x | 0.60x | 6.00 |"
    assert lines_starting_with(text, "20 KB → URL") == [row]
    (link_row,) = lines_starting_with(text, "20 KB → 20 KB picture, as own link")
    assert link_row.endswith("| 6.00, ≤ 1.2 ms ✗ |")


def test_time_table_shows_each_ratio_with_its_goal(result) -> None:
    text = report.time_table(result["fresh"], result["warm"])
    row = "| 20 KB → URL | 0.50x | 0.50x | ≤ 1x ✓ | 0.50x | ≤ 1x ✓ | 1.25x |"
    assert lines_starting_with(text, "20 KB → URL") == [row]


def test_losses_text_names_every_row_above_portkey(result) -> None:
    assert report.losses_text(result) == "Retouch needs less than Portkey in every row."
    result["warm"][0]["targets"][RETOUCH]["added_p50_ms"] = 9.0
    label = SCENARIOS[0].label
    lines = report.losses_text(result).splitlines()
    assert lines[2:] == [f"- p50, first requests: {label}", f"- p50, warm: {label}"]


def test_summary_text_names_the_losses_with_and_without_a_mask(result) -> None:
    masked = [record for record in result["warm"] if record["label"].endswith("with mask")]
    masked[0]["targets"][RETOUCH]["added_p50_ms"] = 12.0
    (without_goal,) = [r for r in result["warm"] if r["label"].endswith("with Idempotency-Key")]
    without_goal["targets"][RETOUCH]["added_p50_ms"] = 40.0
    assert report.summary_text(result).splitlines() == [
        "Without a mask, Retouch needs 0.50 to 0.50 times Portkey's CPU and 0.50 to 0.50 times its added time.",
        "With a mask, Retouch needs 0.50 to 0.50 times Portkey's CPU and 0.50 to 3.00 times its added time.",
    ]


def test_summary_text_without_portkey_says_that_it_is_not_measured(result) -> None:
    for record in result["warm"]:
        del record["targets"][PORTKEY]
    assert report.summary_text(result).count("(not measured) its added time") == 2


def test_median_table_lists_every_target_and_process_part(result) -> None:
    rows = lines_starting_with(report.median_table(result["warm"]), "20 KB → URL")
    assert rows == [
        "| 20 KB → URL | direct | 1.00 | 1.00 | – | – | – | 0 |",
        "| 20 KB → URL | Portkey | 5.00 | 5.00 | 4.00 | 4.00 | 10.00 | 0 |",
        "| 20 KB → URL | Retouch | 3.00 | 3.00 | 2.00 | 2.00 | 5.00 worker + 2.00 front | 0 |",
        "| 20 KB → URL | Retouch as deployed | 6.00 | 6.00 | 5.00 | 5.00 | 6.00 worker + 2.00 front | 0 |",
    ]


def test_start_table_uses_the_worker_process_only(result) -> None:
    text = report.start_table(result)
    goals = "≤ 0.4x ✗, ≤ 150 ms as deployed ✗"
    assert f"| process start to first edit, ms | 300 | 150 | 160 | 0.50x | {goals} |" in text
    assert "| memory after it, MB | 100 | 60 | 70 | 0.60x | ≤ 80 MB ✓ |" in text
    assert "| peak memory of the run, MB | 300 | 90 | – | 0.30x | – |" in text


def test_goal_text_marks_a_missed_goal() -> None:
    assert report.goal_text(1.2, 1.0) == "≤ 1x ✗"
    assert report.goal_text(None, 0.6) == "≤ 0.6x"
    assert report.goal_text(0.1, None) == "–"


def test_render_without_portkey_still_shows_the_other_targets(result) -> None:
    for cell in result["warm"]:
        del cell["targets"][PORTKEY]
    del result["starts"][PORTKEY], result["peak_rss_mb"][PORTKEY]
    text = report.render(result | {"not_run": {PORTKEY: "npm install failed"}})
    assert text.startswith("Portkey: not run, npm install failed.")
    assert "| 20 KB → URL | – | ≤ 0.35x | – | ≤ 0.5x | – | – | 6.00 |" in text


def test_scenario_record_has_no_times_when_every_request_failed() -> None:
    failed = Measurements(seconds=[[], []], failures=["500 no"] * 6, image="500 no")
    record = summary.scenario_record(failed, make_measurements(0.001))
    assert record["failures"] == 6
    assert record["first_failure"] == "500 no"
    assert "p50_ms" not in record
    cells = [{"label": "row", "targets": {RETOUCH: record}}]
    (warning,) = report.find_warnings({"fresh": [], "warm": cells})
    assert "row, Retouch: 6 failed, image: 500 no, provider calls: 0" in warning


def test_find_warnings_is_empty_for_valid_measurements(result) -> None:
    assert report.find_warnings(result) == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.label)
def test_every_scenario_has_a_goal(scenario) -> None:
    goals = find_goals(scenario)
    has_no_goal = scenario.has_key or scenario.has_budget
    assert has_no_goal or goals.cpu_warm is not None or goals.cpu_ms is not None


def test_goals_are_stricter_for_a_large_upload_than_for_a_small_one() -> None:
    assert find_goals(Scenario("20 KB", SMALL)).cpu_fresh == 0.35
    assert find_goals(Scenario("3 MB", URL)).cpu_fresh == 0.35
    assert find_goals(Scenario("3 MB", SMALL)).cpu_fresh == 0.3
    assert find_goals(Scenario("3 MB", SMALL, has_mask=True)).cpu_fresh == 1.0
    assert find_goals(Scenario("20 KB", SMALL, has_key=True)).cpu_fresh is None
    assert find_goals(Scenario("20 KB", SMALL, has_budget=True)).cpu_fresh is None


def test_chart_has_a_bar_for_every_scenario_and_series(result) -> None:
    svg = ElementTree.fromstring(chart.draw_comparison(result))
    texts = ["".join(element.itertext()) for element in svg.iter() if element.tag.endswith("text")]
    assert all(scenario.label in texts for scenario in SCENARIOS)
    bars = [e for e in svg.iter() if e.tag.endswith("rect") and e.get("height") == "10"]
    assert len(bars) == len(SCENARIOS) * len(chart.SERIES)
    widths = {float(bar.get("width") or 0) for bar in bars if bar.get("class") == "a"}
    assert widths == {250.0}  # Half of the width of ratio 1.


@pytest.mark.parametrize(
    "name", [markdown_sections.BENCH_SECTION, markdown_sections.PIXELS_SECTION]
)
def test_write_section_keeps_the_text_around_the_section(tmp_path, name) -> None:
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    path = tmp_path / "README.md"
    path.write_text(f"before\n{start}\nold\n{end}\nafter\n")
    for _ in range(2):
        markdown_sections.write_section(
            path, name, markdown_sections.format_section("| a |", "2 cores")
        )
    text = path.read_text()
    assert text.startswith(f"before\n{start}\n| a |\n\nMeasured on 2 cores")
    assert text.endswith(f"`make bench`.\n{end}\nafter\n")
    assert "old" not in text


def test_write_section_raises_when_the_page_has_no_markers(tmp_path) -> None:
    path = tmp_path / "README.md"
    path.write_text("nothing here")
    with pytest.raises(ValueError, match="bench:start"):
        markdown_sections.write_section(path, markdown_sections.BENCH_SECTION, "x")
    assert path.read_text() == "nothing here"


def test_readme_and_speed_page_have_the_section_markers() -> None:
    for path, names in ((paths.README, ["bench"]), (paths.SPEED, ["bench", "pixels"])):
        text = path.read_text(encoding="utf-8")
        assert all(f"<!-- {name}:{edge} -->" in text for name in names for edge in ("start", "end"))
