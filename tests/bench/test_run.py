"""Tests of complete but small runs against the mock provider."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import __main__ as command
from bench import coldstart, images, measure, paths, portkey, processes, runner
from bench.client import Connection
from bench.coldstart import StartedTarget
from bench.mock_control import MockControl
from bench.retouch import AS_DEPLOYED, OPEN, RetouchLauncher
from bench.scenarios import SCENARIOS, SMALL, Scenario
from bench.targets import (
    DIRECT,
    LITELLM,
    PORTKEY,
    RETOUCH,
    Target,
    billed_value,
    direct_target,
)
from devserver.ports import unused_port


@pytest.fixture
def mock(images_folder, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(measure, "IMAGES", images_folder)
    monkeypatch.setattr(coldstart, "IMAGES", images_folder)
    with processes.run_mock_provider(images_folder) as url:
        yield url


def test_measure_warm_records_every_round_of_every_scenario_and_target(mock) -> None:
    gateway = Target("gateway", f"{mock}/auto/v1", parts={"worker": list, "front": list})
    upstream = MockControl(mock)
    results = measure.measure_warm(SCENARIOS, [direct_target(mock), gateway], upstream, 5, rounds=2)
    assert list(results) == list(SCENARIOS)
    for measurements in results.values():
        assert [len(seconds) for seconds in measurements[DIRECT].seconds] == [5, 5]
        assert measurements["gateway"].cpu == [{"worker": 0, "front": 0}] * 2
        assert not measurements["gateway"].failures
        assert measurements["gateway"].is_valid
    edits_per_target = 2 + 1 + 2 * (measure.WARM_UP_REQUESTS + 5)
    assert upstream.edit_count() == len(SCENARIOS) * 2 * edits_per_target


def test_measure_fresh_starts_the_targets_anew_for_every_scenario(mock) -> None:
    starts: list[int] = []

    @contextmanager
    def start_targets() -> Iterator[list[Target]]:
        starts.append(len(starts))
        yield [direct_target(mock)]

    results = measure.measure_fresh(SCENARIOS[:3], start_targets, MockControl(mock), n=5)
    assert starts == [0, 1, 2]
    assert [len(series[DIRECT].seconds[-1]) for series in results.values()] == [5, 5, 5]
    assert all(series[DIRECT].is_valid for series in results.values())


def test_warm_up_sends_plain_requests_to_every_target(mock) -> None:
    upstream = MockControl(mock)
    measure.warm_up([direct_target(mock), direct_target(mock)], upstream, 7)
    assert upstream.edit_count() == 7 * 2


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
    target = Target("late", f"http://127.0.0.1:{unused_port()}/v1")
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


def test_run_size_is_the_preset_with_the_given_numbers() -> None:
    quick = command.run_size(command.parse_arguments(["--quick", "--n", "3"]))
    assert (quick.n, quick.rounds) == (3, command.QUICK_RUN.rounds)
    assert command.run_size(command.parse_arguments([])) == command.FULL_RUN
    assert command.parse_arguments(["versus", "--rev", "main"]).rev == "main"


def test_prepare_names_the_peers_that_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr(images, "write_missing", lambda _: None)
    reasons = runner.prepare(())
    assert reasons == {
        RETOUCH: None,
        PORTKEY: "left out of this run",
        LITELLM: "left out of this run",
    }


def test_start_target_of_retouch_serves_an_edit_in_both_configurations(mock, images_folder) -> None:
    body = Scenario("20 KB", SMALL, wants_link=True).request_body(images_folder)
    with processes.run_mock_aws() as aws:
        for configuration in (OPEN, AS_DEPLOYED):
            with RetouchLauncher(mock, aws, configuration).run_gateway() as target:
                connection = Connection(target.base_url)
                response = connection.send(target.request_head(len(body)), body)
                connection.close()
                workers = target.parts["worker"]()
            assert response.status == 200, response.body
            assert b"/v1/files/" in response.body
            assert len(workers) == 1


def test_select_scenarios_matches_a_part_of_the_label() -> None:
    assert command.select_scenarios("") == list(SCENARIOS)
    assert {cell.has_mask for cell in command.select_scenarios("with mask")} == {True}
    with pytest.raises(SystemExit, match="No scenario matches 'x'"):
        command.select_scenarios("x")
