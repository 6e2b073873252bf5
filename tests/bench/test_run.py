"""Tests of complete but small runs against the mock provider."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import __main__ as command
from bench import coldstart, measure, paths, portkey, processes
from bench.coldstart import StartedTarget
from bench.mock_control import MockControl
from bench.scenarios import SCENARIOS
from bench.targets import DIRECT, Target, billed_value, direct_target


@pytest.fixture
def mock(images_folder, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(measure, "IMAGES", images_folder)
    monkeypatch.setattr(coldstart, "IMAGES", images_folder)
    with processes.run_mock_provider(images_folder) as url:
        yield url


def test_measure_run_records_every_round_of_every_scenario_and_target(mock) -> None:
    gateway = Target("gateway", f"{mock}/auto/v1", parts={"worker": list, "front": list})
    upstream = MockControl(mock)
    results = measure.run(SCENARIOS, [direct_target(mock), gateway], upstream, n=5, rounds=2)
    assert list(results) == list(SCENARIOS)
    for measurements in results.values():
        assert [len(seconds) for seconds in measurements[DIRECT].seconds] == [5, 5]
        assert measurements["gateway"].cpu == [{"worker": 0, "front": 0}] * 2
        assert not measurements["gateway"].failures
        assert measurements["gateway"].is_valid
    edits_per_target = 2 + 1 + 2 * (measure.WARM_UP_REQUESTS + 5)
    assert upstream.edit_count() == len(SCENARIOS) * 2 * edits_per_target


def test_coldstart_run_alternates_targets_and_drops_the_first_start(mock) -> None:
    order = []

    def starter(name: str) -> coldstart.Starter:
        @contextmanager
        def start() -> Iterator[StartedTarget]:
            order.append(name)
            yield StartedTarget(direct_target(mock), time.perf_counter())

        return start

    measurements = coldstart.run({"a": starter("a"), "b": starter("b")}, reps=2)
    assert order == ["a", "b", "a", "b", "b", "a"]
    assert [len(measurement.seconds) for measurement in measurements.values()] == [2, 2]


def test_wait_for_first_edit_raises_when_the_target_never_listens(mock) -> None:
    target = Target("late", f"http://127.0.0.1:{processes.free_port()}/v1")
    with pytest.raises(TimeoutError, match="late"):
        coldstart.wait_for_first_edit(target, b"", time.perf_counter() + 0.05)


def test_portkey_install_returns_a_reason_when_node_is_missing(monkeypatch) -> None:
    monkeypatch.setattr(processes, "has_commands", lambda *_: False)
    assert portkey.install() == "Node and npm are not installed"


def test_node_preload_binds_servers_to_loopback() -> None:
    if not processes.has_commands("node"):
        pytest.skip("not run: Node is not installed. Install Node 20 or newer")
    code = """
        const server = require('http').createServer();
        server.listen(0, () => { console.log(server.address()); server.close(); });
    """
    node = ["node", "--require", str(paths.LOOPBACK_PRELOAD), "-e", code]
    completed = subprocess.run(node, capture_output=True, text=True, check=True)
    assert "address: '127.0.0.1'" in completed.stdout


def test_billed_value_is_the_worker_part_or_the_sum_of_all_parts() -> None:
    assert billed_value({"worker": 1.0, "front": 2.0}) == 1
    assert billed_value({"gateway": 3.0}) == 3
    assert billed_value({}) is None


def test_parse_arguments_fills_in_missing_options() -> None:
    assert (
        vars(command.parse_arguments(["--quick", "--n", "3"])).items()
        >= {"n": 3, "rounds": 2}.items()
    )
    assert command.parse_arguments([]).rounds == 5
    assert command.parse_arguments(["profile"]).what == "profile"


def test_select_scenarios_matches_a_part_of_the_label() -> None:
    assert command.select_scenarios("") == list(SCENARIOS)
    assert {cell.has_mask for cell in command.select_scenarios("with mask")} == {True}
    with pytest.raises(SystemExit, match="No scenario matches 'x'"):
        command.select_scenarios("x")
