"""Tests for `retouch.infrastructure.http1.connection_pool`: connections to servers on this machine."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from retouch.infrastructure.http1.connection import open_connection
from retouch.infrastructure.http1.connection_pool import ConnectionPool
from retouch.infrastructure.http1.origin import Origin, parse_target
from tests.support.raw_http import RawServer

NOW = 1_800_000_000.0
OTHER = Origin("http", "127.0.0.1", 1)


@pytest.fixture
def origin():
    with RawServer([b""]) as server:
        yield parse_target(server.url).origin


@pytest.fixture
def connect(origin):
    """Yield a function that connects to the server, and close its connections at the end."""
    connections = []

    def open_one():
        connections.append(open_connection(origin, 5.0, ""))
        return connections[-1]

    yield open_one
    for connection in connections:
        connection.close()


def test_kept_connection_is_taken_once_and_only_for_its_origin(origin, connect):
    pool, connection = ConnectionPool(lambda: NOW), connect()
    pool.keep(origin, connection)
    assert pool.take(OTHER) is None
    assert pool.take(origin) is connection
    assert pool.take(origin) is None


@pytest.mark.parametrize(("seconds", "is_taken"), [(0, True), (60, True), (61, False), (-1, False)])
def test_connection_is_taken_for_a_minute_and_then_closed(origin, connect, seconds, is_taken):
    now = [NOW]
    pool, connection = ConnectionPool(lambda: now[0]), connect()
    pool.keep(origin, connection)
    now[0] += seconds
    assert pool.take(origin) is (connection if is_taken else None)
    assert is_open(connection) == is_taken


def test_idle_connection_is_closed_when_another_origin_is_used_a_minute_later(origin, connect):
    now = [NOW]
    pool, old, recent = ConnectionPool(lambda: now[0]), connect(), connect()
    pool.keep(origin, old)
    now[0] += 61
    pool.keep(OTHER, recent)
    assert [is_open(old), is_open(recent)] == [False, True]


def test_connection_above_the_limit_of_an_origin_is_closed(origin, connect):
    pool, connections = ConnectionPool(lambda: NOW), [connect() for _ in range(17)]
    for connection in connections:
        pool.keep(origin, connection)
    assert [is_open(connection) for connection in connections] == [True] * 16 + [False]


def test_threads_that_take_at_once_get_different_connections(origin, connect):
    pool, connections = ConnectionPool(lambda: NOW), [connect() for _ in range(16)]
    for connection in connections:
        pool.keep(origin, connection)
    with ThreadPoolExecutor(20) as threads:
        taken = list(threads.map(lambda _: pool.take(origin), range(20)))
    assert {id(connection) for connection in taken if connection} == set(map(id, connections))
    assert taken.count(None) == 4


def test_idle_connection_is_closed_with_the_client_that_owns_its_pool(origin, connect):
    pool, connection = ConnectionPool(lambda: NOW), connect()
    pool.keep(origin, connection)
    assert is_open(connection)
    del pool
    gc.collect()
    assert not is_open(connection)


def is_open(connection):
    """Return whether the connection is open on this side."""
    try:
        return connection.is_reusable()
    except (OSError, ValueError):
        return False
