"""Whole, but tiny, runs against the mock alone."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import __main__ as command
from bench import children, coldstart, measure, paths, portkey
from bench.cells import CELLS
from bench.coldstart import Start
from bench.targets import DIRECT, Target, billed, direct
from bench.upstream import Upstream


@pytest.fixture
def mock(pictures, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(measure, "IMAGES", pictures)
    monkeypatch.setattr(coldstart, "IMAGES", pictures)
    with children.mock_upstream(pictures) as url:
        yield url


def test_every_round_of_every_cell_is_kept_for_every_target(mock) -> None:
    gateway = Target("gateway", f"{mock}/auto/v1", parts={"worker": list, "front": list})
    upstream = Upstream(mock)
    results = measure.run(CELLS, [direct(mock), gateway], upstream, n=5, rounds=2)
    assert list(results) == list(CELLS)
    for series in results.values():
        assert [len(seconds) for seconds in series[DIRECT].seconds] == [5, 5]
        assert series["gateway"].cpu == [{"worker": 0, "front": 0}] * 2
        assert not series["gateway"].failures
        assert series["gateway"].sound
    each = 2 + 1 + 2 * (measure.WARM_UP + 5)
    assert upstream.edits() == len(CELLS) * 2 * each


def test_cold_starts_take_turns_and_the_first_of_each_is_left_out(mock) -> None:
    order = []

    def starter(name: str) -> coldstart.Starter:
        @contextmanager
        def start() -> Iterator[Start]:
            order.append(name)
            yield Start(direct(mock), time.perf_counter())

        return start

    found = coldstart.run({"a": starter("a"), "b": starter("b")}, reps=2)
    assert order == ["a", "b", "a", "b", "b", "a"]
    assert [len(one.seconds) for one in found.values()] == [2, 2]


def test_a_start_that_never_listens_is_given_up(mock) -> None:
    nobody = Target("late", f"http://127.0.0.1:{children.free_port()}/v1")
    with pytest.raises(TimeoutError, match="late"):
        coldstart.first_edit(nobody, b"", time.perf_counter() + 0.05)


def test_without_node_the_run_goes_on(monkeypatch) -> None:
    monkeypatch.setattr(children, "found", lambda *_: False)
    assert portkey.install() == "Node and npm are not installed"


def test_the_preload_keeps_a_server_on_loopback() -> None:
    if not children.found("node"):
        pytest.skip("needs Node")
    code = """
        const server = require('http').createServer();
        server.listen(0, () => { console.log(server.address()); server.close(); });
    """
    node = ["node", "--require", paths.PRELOAD, "-e", code]
    said = subprocess.run(node, capture_output=True, text=True, check=True)
    assert "address: '127.0.0.1'" in said.stdout


def test_what_is_billed_is_the_worker_or_all() -> None:
    assert billed({"worker": 1.0, "front": 2.0}) == 1
    assert billed({"gateway": 3.0}) == 3
    assert billed({}) is None


def test_options_fill_in_what_was_not_given() -> None:
    assert vars(command.options(["--quick", "--n", "3"])).items() >= {"n": 3, "rounds": 2}.items()
    assert command.options([]).rounds == 5
    assert command.options(["profile"]).what == "profile"


def test_rows_are_chosen_by_a_piece_of_their_name() -> None:
    assert command.chosen("") == list(CELLS)
    assert {cell.masked for cell in command.chosen("with mask")} == {True}
    with pytest.raises(SystemExit, match="no row has 'x'"):
        command.chosen("x")
