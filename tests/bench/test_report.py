import pytest

from bench import paths, readme, report, summary
from bench.cells import CELLS, SMALL, Cell
from bench.coldstart import Starts
from bench.lanes import Series
from bench.targets import DIRECT, PORTKEY, RETOUCH


def series(seconds: float, **cpu: float) -> Series:
    return Series(
        seconds=[[seconds] * 3] * 3,
        cpu=[cpu] * 3,
        picture="PNG 256x256",
        sound=True,
        upstream_calls=1,
    )


@pytest.fixture
def result() -> dict:
    one = {
        DIRECT: series(0.001),
        PORTKEY: series(0.005, gateway=0.010),
        RETOUCH: series(0.003, worker=0.005, front=0.002),
    }
    starts = {
        PORTKEY: Starts([0.3, 0.2, 0.9], [{"gateway": 100.0}] * 3),
        RETOUCH: Starts([0.15] * 3, [{"worker": 60.0, "front": 40.0}] * 3),
    }
    return {
        "cells": summary.cells(dict.fromkeys(CELLS, one)),
        "starts": summary.starts(starts),
        "peak_rss_mb": {PORTKEY: {"gateway": 300.0}, RETOUCH: {"worker": 90.0, "front": 50.0}},
        "not_run": {},
    }


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {start}")]


def test_ratios_stand_beside_their_goals(result) -> None:
    text = report.ratio_table(result["cells"])
    row = "| 20 KB → URL | 0.50x | ≤ 0.6x ✓ | 0.70x | 0.50x | ≤ 1x ✓ | 0.50x |"
    assert lines(text, "20 KB → URL") == [row]
    (masked,) = lines(text, "3 MB → 1.15 MB picture, with mask")
    assert "≤" not in masked


def test_medians_name_every_target_and_part(result) -> None:
    rows = lines(report.median_table(result["cells"]), "20 KB → URL")
    assert rows == [
        "| 20 KB → URL | direct | 1.00 | 1.00 | – | – | – | 0 |",
        "| 20 KB → URL | Portkey | 5.00 | 5.00 | 4.00 | 4.00 | 10.00 | 0 |",
        "| 20 KB → URL | Retouch | 3.00 | 3.00 | 2.00 | 2.00 | 5.00 worker + 2.00 front | 0 |",
    ]


def test_start_and_memory_are_of_the_worker(result) -> None:
    text = report.start_table(result)
    assert "| process start to first edit, ms | 300 | 150 | 0.50x | ≤ 1x ✓ |" in text
    assert "| memory after it, MB | 100 | 60 | 0.60x | ≤ 80 MB ✓ |" in text
    assert "| peak memory of the run, MB | 300 | 90 | 0.30x | – |" in text


def test_a_missed_goal_says_so() -> None:
    assert report.goal(1.2, 1.0) == "≤ 1x ✗"
    assert report.goal(None, 0.6) == "≤ 0.6x"


def test_without_a_peer_the_rest_is_still_told(result) -> None:
    for cell in result["cells"]:
        del cell["targets"][PORTKEY]
    del result["starts"][PORTKEY], result["peak_rss_mb"][PORTKEY]
    text = report.render(result | {"not_run": {PORTKEY: "npm install failed"}})
    assert text.startswith("Portkey: not run, npm install failed.")
    assert "| 20 KB → URL | – | ≤ 0.6x | – | – | ≤ 1x | – |" in text


def test_a_target_that_only_failed_has_no_times(result) -> None:
    broken = Series(seconds=[[], []], failures=["500 no"] * 6, picture="500 no")
    record = summary.cell_record(broken, series(0.001))
    assert record["failures"] == 6
    assert record["first_failure"] == "500 no"
    assert "p50_ms" not in record
    (doubt,) = report.doubts([{"label": "row", "targets": {RETOUCH: record}}])
    assert "row, Retouch: 6 failed, picture: 500 no, provider calls: 0" in doubt


def test_sound_numbers_raise_no_doubts(result) -> None:
    assert report.doubts(result["cells"]) == []


def test_every_upload_has_a_goal_and_a_masked_cell() -> None:
    assert {cell.upload for cell in CELLS if cell.masked} == set(report.CPU_GOAL)
    assert Cell("20 KB", SMALL) in CELLS


@pytest.mark.parametrize("name", [readme.BENCH, readme.PIXELS])
def test_a_page_keeps_what_is_around_the_section(tmp_path, name) -> None:
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    path = tmp_path / "README.md"
    path.write_text(f"before\n{start}\nold\n{end}\nafter\n")
    for _ in range(2):
        readme.splice(path, name, readme.section("| a |", "2 cores"))
    text = path.read_text()
    assert text.startswith(f"before\n{start}\n| a |\n\nMeasured on 2 cores")
    assert text.endswith(f"`make bench`.\n{end}\nafter\n")
    assert "old" not in text


def test_a_page_without_markers_is_left_alone(tmp_path) -> None:
    path = tmp_path / "README.md"
    path.write_text("nothing here")
    with pytest.raises(ValueError, match="bench:start"):
        readme.splice(path, readme.BENCH, "x")
    assert path.read_text() == "nothing here"


def test_the_pages_have_the_sections() -> None:
    for path, names in ((paths.README, ["bench"]), (paths.SPEED, ["bench", "pixels"])):
        text = path.read_text(encoding="utf-8")
        assert all(f"<!-- {name}:{edge} -->" in text for name in names for edge in ("start", "end"))
