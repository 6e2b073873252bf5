"""Tests of circuits that several processes share through a DynamoDB table."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from devserver.ports import unused_port
from retouch.core.errors import UpstreamError
from retouch.gateway.circuit_breaker import CircuitBreaker, ProviderDown
from retouch.gateway.circuit_store import InMemoryCircuitStore
from retouch.infrastructure.aws.circuit_table import CircuitTable, circuit_store
from retouch.infrastructure.aws.clients import AwsClients
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream

UPSTREAM_ERROR = UpstreamError("It answered nonsense.")
START = FakeClock().unix_time()  # a boundary of every window

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
def clock():
    return FakeClock()


def end_refreshes():
    """Wait for the refreshes that still run. Later they would reach for the real table."""
    while Process.refresh_pools:
        Process.refresh_pools.pop().shutdown()


@pytest.fixture(autouse=True)
def refresh_cleanup(credentials):
    yield
    end_refreshes()


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
        end_refreshes()


class Process:
    """A simulated worker process with its own breaker and its own view of the table."""

    refresh_pools: ClassVar[list[ThreadPoolExecutor]] = []  # of all processes of a test

    def __init__(self, clock):
        self.table = CircuitTable("circuits", clock, AwsClients())
        self.refresh_pools.append(self.table._pool)
        self.breaker = CircuitBreaker(self.table, clock)

    def refresh_and_read_state(self):
        """Refresh from the table, wait for the end of the refresh, and return the circuit states."""
        self.table.start_refresh()
        self.table._pool.submit(int).result()
        return self.breaker.states()

    def record_failures(self, times=1):
        for _ in range(times):
            self.breaker.record("p", UPSTREAM_ERROR)

    def record_successes(self, times=1):
        for _ in range(times):
            self.breaker.record("p", None)

    def is_call_allowed(self):
        try:
            self.breaker.check("p")
        except ProviderDown:
            return False
        return True


@pytest.fixture
def processes(clock):
    return Process(clock), Process(clock)


def test_circuit_opens_for_all_processes_when_their_failures_add_up(table, processes, clock):
    first, second = processes
    first.record_failures(3)
    second.record_failures(2)
    assert not second.is_call_allowed()
    clock.advance(5)
    assert first.refresh_and_read_state() == {"p": "open"}
    assert not first.is_call_allowed()


def test_new_process_sees_open_circuit_after_first_refresh(table, processes):
    first, second = processes
    first.record_failures(5)
    assert second.refresh_and_read_state() == {"p": "open"}
    assert not second.is_call_allowed()


def test_circuit_row_holds_counts_and_expires(table, processes):
    first, _ = processes
    first.record_successes(2)
    first.record_failures(5)
    row = {name: value.get("N") for name, value in table()["p"].items() if name != "id"}
    assert row == {
        "since": str(START),
        "failures": "5",
        "successes": "2",
        "opened_at": str(START),
        "expires": str(START + 86_400),
    }


def test_healthy_provider_writes_no_row(table, processes, clock):
    first, _ = processes
    for _ in range(10):
        assert first.is_call_allowed()
        first.record_successes()
        clock.advance(5)
        first.refresh_and_read_state()
    assert table() == {}


def test_successes_of_another_process_offset_local_failures(table, processes, clock):
    first, second = processes
    first.record_failures(1)
    second.record_successes(9)
    second.refresh_and_read_state()
    assert table()["p"]["successes"] == {"N": "9"}
    first.record_failures(5)
    clock.advance(5)
    assert first.refresh_and_read_state() == {"p": "closed"}
    first.record_failures(3)
    assert first.breaker.states() == {"p": "open"}


def test_successes_are_written_once_despite_repeated_refreshes(table, processes, clock):
    first, second = processes
    first.record_failures(1)
    second.record_successes(2)
    for _ in range(3):
        second.refresh_and_read_state()
        clock.advance(5)
    assert table()["p"]["successes"] == {"N": "2"}


def test_successes_of_expired_window_are_not_written(table, processes, clock):
    first, second = processes
    second.record_successes(4)
    clock.advance(120)
    first.record_failures(1)
    second.refresh_and_read_state()
    second.record_successes(1)
    clock.advance(5)
    second.refresh_and_read_state()
    assert table()["p"]["successes"] == {"N": "1"}


def test_new_window_starts_with_zero_failures(table, processes, clock):
    first, second = processes
    first.record_failures(4)
    clock.advance(120)
    second.record_failures(4)
    assert second.is_call_allowed()
    assert table()["p"]["failures"] == {"N": "4"}


@pytest.fixture
def atomic_updates(monkeypatch):
    """Make moto's updates atomic, as DynamoDB's are. Without the lock, two threads can lose an addition."""
    lock, update_item = threading.Lock(), DynamoDBBackend.update_item

    def update_atomically(backend, *args, **kwargs):
        with lock:
            return update_item(backend, *args, **kwargs)

    monkeypatch.setattr(DynamoDBBackend, "update_item", update_atomically)


def test_concurrent_failures_are_all_counted(table, clock, atomic_updates):
    processes = [Process(clock) for _ in range(4)]
    for process in processes:
        process.table._client  # noqa: B018 - made before the race
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda process: process.record_failures(), processes))
    assert table()["p"]["failures"] == {"N": "4"}


def test_open_circuit_after_cooldown_allows_one_probe_among_processes(table, processes, clock):
    first, second = processes
    first.record_failures(5)
    second.refresh_and_read_state()
    clock.advance(30)
    assert first.is_call_allowed()
    with pytest.raises(ProviderDown) as exc_info:
        second.breaker.check("p")
    assert exc_info.value.retry_after == 30
    assert [first.is_call_allowed(), second.is_call_allowed()] == [False, False]


def test_successful_probe_closes_circuit_for_all_processes(table, processes, clock):
    first, second = processes
    first.record_failures(5)
    second.refresh_and_read_state()
    clock.advance(30)
    assert second.is_call_allowed()
    second.record_successes()
    assert set(table()["p"]) == {"id", "expires"}
    assert first.refresh_and_read_state() == {"p": "closed"}
    first.record_failures(4)
    assert first.is_call_allowed()


def test_forgotten_probe_is_released_for_all_processes(table, processes, clock):
    first, second = processes
    first.record_failures(5)
    second.refresh_and_read_state()
    clock.advance(30)
    assert second.is_call_allowed()
    second.breaker.release_probe("p")
    assert table()["p"]["opened_at"] == {"N": str(START)}
    assert [first.is_call_allowed(), second.is_call_allowed()] == [True, False]


def test_late_release_does_not_end_probe_of_another_process(table, processes, clock):
    first, second = processes
    first.record_failures(5)
    second.refresh_and_read_state()
    for process in (first, second):
        clock.advance(30)
        process.refresh_and_read_state()
        assert process.is_call_allowed()
    first.breaker.release_probe("p")
    assert table()["p"]["opened_at"] == {"N": str(START + 60)}
    assert not first.is_call_allowed()


def test_failed_probe_keeps_circuit_open_for_all_processes(table, processes, clock):
    first, second = processes
    first.record_failures(5)
    second.refresh_and_read_state()
    clock.advance(30)
    assert second.is_call_allowed()
    clock.advance(10)
    second.record_failures()
    clock.advance(29)
    assert first.refresh_and_read_state() == {"p": "open"}


def test_slow_table_does_not_delay_circuit_check(monkeypatch, processes):
    with Upstream(ScriptedResponse(delay=60.0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        first, _ = processes
        first.table._client  # noqa: B018 - loading boto3 takes its time
        started = time.monotonic()
        for _ in range(100):
            assert first.is_call_allowed()
            first.record_successes()
        assert time.monotonic() - started < 20
        server.end_delays()
        first.refresh_and_read_state()
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "response", [ScriptedResponse(400, b"{}"), ScriptedResponse(200, b"nonsense"), None]
)
def test_unavailable_table_falls_back_to_local_circuit(
    monkeypatch, caplog, processes, clock, response
):
    with Upstream(response or ScriptedResponse()) as broken:
        url = broken.url if response else f"http://127.0.0.1:{unused_port()}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        first, second = processes
        with caplog.at_level(logging.WARNING, "retouch"):
            first.record_failures(5)
            assert first.refresh_and_read_state() == {"p": "open"}
        assert "the table of circuits cannot be used" in caplog.text
        assert not first.is_call_allowed()
        assert second.is_call_allowed()
        clock.advance(30)
        assert [first.is_call_allowed(), first.is_call_allowed()] == [True, False]
        first.record_successes()
        assert first.is_call_allowed()


def test_empty_table_name_selects_in_memory_store(clock):
    assert isinstance(circuit_store("", clock, AwsClients()), InMemoryCircuitStore)
    assert isinstance(circuit_store("circuits", clock, AwsClients()), CircuitTable)
