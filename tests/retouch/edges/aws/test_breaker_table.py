"""Circuits that several processes share through a table."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from retouch.breaker import Breaker, OwnCircuits, ProviderDown
from retouch.edges.aws.breaker_table import BreakerTable, circuits
from retouch.edges.aws.session import Aws
from retouch.errors import BadUpstream
from tests.support.house import TestClock
from tests.support.upstream import Answer, Upstream, closed_port

DOWN = BadUpstream("It answered nonsense.")
START = 1_800_000_000


class Clock(TestClock):
    """Unix time that goes only where it is told to, from the beginning of a window."""

    def unix(self):
        return START + int(self.skipped)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def table():
    with mock_aws():
        client = boto3.Session().client("dynamodb")
        client.create_table(
            TableName="circuits",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield lambda: {row["id"]["S"]: row for row in client.scan(TableName="circuits")["Items"]}


class Process:
    """A worker of its own: its breaker, and its view of the table."""

    def __init__(self, clock):
        self.table = BreakerTable("circuits", clock, Aws())
        self.breaker = Breaker(self.table, clock)

    def looks(self):
        """What it has seen after a look at the table has ended."""
        self.table.warm()
        self.table._pool.submit(int).result()
        return self.breaker.state()

    def fails(self, times=1):
        for _ in range(times):
            self.breaker.record("p", DOWN)

    def works(self, times=1):
        for _ in range(times):
            self.breaker.record("p", None)

    def asks(self):
        try:
            self.breaker.check("p")
        except ProviderDown:
            return False
        return True


@pytest.fixture
def two(clock):
    return Process(clock), Process(clock)


def test_failures_of_all_processes_open_it_for_all(table, two, clock):
    one, other = two
    one.fails(3)
    other.fails(2)
    assert not other.asks()
    clock.skipped += 5
    assert one.looks() == {"p": "open"}
    assert not one.asks()


def test_a_new_process_knows_after_its_first_look(table, two):
    one, other = two
    one.fails(5)
    assert other.looks() == {"p": "open"}
    assert not other.asks()


def test_the_row_says_it_all_and_removes_itself(table, two):
    one, _ = two
    one.works(2)
    one.fails(5)
    row = {name: value.get("N") for name, value in table()["p"].items() if name != "id"}
    assert row == {
        "since": str(START),
        "failures": "5",
        "successes": "2",
        "opened_at": str(START),
        "expires": str(START + 86_400),
    }


def test_healthy_providers_are_not_written_about(table, two, clock):
    one, _ = two
    for _ in range(10):
        assert one.asks()
        one.works()
        clock.skipped += 5
        one.looks()
    assert table() == {}


def test_successes_elsewhere_weigh_against_failures_here(table, two, clock):
    one, other = two
    one.fails(1)
    other.works(9)
    other.looks()
    assert table()["p"]["successes"] == {"N": "9"}
    one.fails(5)
    clock.skipped += 5
    assert one.looks() == {"p": "closed"}
    one.fails(3)
    assert one.breaker.state() == {"p": "open"}


def test_successes_are_written_once(table, two, clock):
    one, other = two
    one.fails(1)
    other.works(2)
    for _ in range(3):
        other.looks()
        clock.skipped += 5
    assert table()["p"]["successes"] == {"N": "2"}


def test_successes_of_a_window_that_is_over_are_not_written(table, two, clock):
    one, other = two
    other.works(4)
    clock.skipped += 120
    one.fails(1)
    other.looks()
    other.works(1)
    clock.skipped += 5
    other.looks()
    assert table()["p"]["successes"] == {"N": "1"}


def test_a_new_window_begins_with_nothing(table, two, clock):
    one, other = two
    one.fails(4)
    clock.skipped += 120
    other.fails(4)
    assert other.asks()
    assert table()["p"]["failures"] == {"N": "4"}


def test_failures_at_the_same_time_are_all_counted(table, clock):
    processes = [Process(clock) for _ in range(4)]
    for process in processes:
        process.table._client  # noqa: B018 - made before the race
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda process: process.fails(), processes))
    # DynamoDB adds atomically; the stand-in now and then loses additions that come at the same moment.
    assert int(table()["p"]["failures"]["N"]) in (2, 3, 4)


def test_one_process_probes(table, two, clock):
    one, other = two
    one.fails(5)
    other.looks()
    clock.skipped += 30
    assert one.asks()
    with pytest.raises(ProviderDown) as down:
        other.breaker.check("p")
    assert down.value.retry_after == 30
    assert [one.asks(), other.asks()] == [False, False]


def test_a_probe_that_is_answered_closes_it_for_all(table, two, clock):
    one, other = two
    one.fails(5)
    other.looks()
    clock.skipped += 30
    assert other.asks()
    other.works()
    assert set(table()["p"]) == {"id", "expires"}
    assert one.looks() == {"p": "closed"}
    one.fails(4)
    assert one.asks()


def test_a_probe_that_says_nothing_is_given_back_to_all(table, two, clock):
    one, other = two
    one.fails(5)
    other.looks()
    clock.skipped += 30
    assert other.asks()
    other.breaker.forget("p")
    assert table()["p"]["opened_at"] == {"N": str(START)}
    assert [one.asks(), other.asks()] == [True, False]


def test_a_probe_that_is_given_back_late_is_somebody_elses(table, two, clock):
    one, other = two
    one.fails(5)
    other.looks()
    for process in (one, other):
        clock.skipped += 30
        process.looks()
        assert process.asks()
    one.breaker.forget("p")
    assert table()["p"]["opened_at"] == {"N": str(START + 60)}
    assert not one.asks()


def test_a_probe_that_fails_keeps_it_open_for_all(table, two, clock):
    one, other = two
    one.fails(5)
    other.looks()
    clock.skipped += 30
    assert other.asks()
    clock.skipped += 10
    other.fails()
    clock.skipped += 29
    assert one.looks() == {"p": "open"}


def test_looking_never_waits(monkeypatch, two):
    with Upstream(Answer(delay=1.0)) as slow:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", slow.url)
        one, _ = two
        one.table._client  # noqa: B018 - loading boto3 takes its time
        started = time.monotonic()
        for _ in range(100):
            assert one.asks()
            one.works()
        assert time.monotonic() - started < 0.9
        one.looks()
        assert len(slow.received) == 1


@pytest.mark.parametrize("answer", [Answer(400, b"{}"), Answer(200, b"nonsense"), None])
def test_without_its_table_a_process_goes_on_alone(monkeypatch, caplog, two, clock, answer):
    with Upstream(answer or Answer()) as broken:
        url = broken.url if answer else f"http://127.0.0.1:{closed_port()}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        one, other = two
        with caplog.at_level(logging.WARNING, "retouch"):
            one.fails(5)
            assert one.looks() == {"p": "open"}
        assert "the table of circuits cannot be used" in caplog.text
        assert not one.asks()
        assert other.asks()
        clock.skipped += 30
        assert [one.asks(), one.asks()] == [True, False]
        one.works()
        assert one.asks()


def test_without_a_table_circuits_are_the_processes_own(clock):
    assert isinstance(circuits("", clock, Aws()), OwnCircuits)
    assert isinstance(circuits("circuits", clock, Aws()), BreakerTable)
