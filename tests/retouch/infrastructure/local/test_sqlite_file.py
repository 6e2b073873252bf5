"""Tests for `retouch.infrastructure.local.sqlite_file`."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retouch.core.errors import WebhooksUnavailable
from retouch.infrastructure.local.sqlite_file import SqliteFile

_SCHEMA = "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, n INTEGER);"
_COUNT = "INSERT INTO counts VALUES ('a', 1) ON CONFLICT (name) DO UPDATE SET n = n + 1"
_PROCESS = f"""
import sys
from pathlib import Path
from retouch.infrastructure.local.sqlite_file import SqliteFile

sys.stdin.readline()
SqliteFile(Path(sys.argv[1]), {_SCHEMA!r}, lambda: None).run(lambda db: db.execute({_COUNT!r}))
"""


def _unavailable_error():
    return WebhooksUnavailable("the database is down")


def _count(database):
    return database.run(lambda db: db.execute("SELECT n FROM counts").fetchone()[0])


def test_database_that_cannot_be_opened_raises_the_error_of_its_store_and_logs_the_cause(
    tmp_path, caplog
):
    database = SqliteFile(tmp_path / "missing" / "a.sqlite", _SCHEMA, _unavailable_error)
    with pytest.raises(WebhooksUnavailable, match="the database is down"):
        _count(database)
    (record,) = caplog.records
    assert "unable to open database file" in str(record.exc_info[1])


def test_database_that_threads_create_at_once_takes_every_write(tmp_path):
    for trial in range(40):
        database = SqliteFile(tmp_path / f"{trial}.sqlite", _SCHEMA, _unavailable_error)
        barrier = threading.Barrier(20)

        def write(_, database=database, barrier=barrier):
            barrier.wait()
            database.run(lambda db: db.execute(_COUNT))

        with ThreadPoolExecutor(20) as pool:
            list(pool.map(write, range(20)))
        assert _count(database) == 20


def test_database_that_processes_create_at_once_takes_every_write(tmp_path):
    path = tmp_path / "a.sqlite"
    read_end, write_end = os.pipe()
    command = [sys.executable, "-c", _PROCESS, str(path)]
    processes = [subprocess.Popen(command, stdin=read_end) for _ in range(6)]
    os.close(read_end)
    os.close(write_end)  # The end of the pipe lets all of them go on at once.
    assert [process.wait(60) for process in processes] == [0] * 6
    assert _count(SqliteFile(path, _SCHEMA, _unavailable_error)) == 6


def test_second_object_on_a_database_with_an_open_write_waits_for_it(tmp_path):
    path = tmp_path / "a.sqlite"
    SqliteFile(path, _SCHEMA, _unavailable_error).run(lambda db: db.execute(_COUNT))
    is_written, may_end = threading.Event(), threading.Event()

    def hold(db):
        db.execute(_COUNT)
        is_written.set()
        may_end.wait(30)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(SqliteFile(path, _SCHEMA, _unavailable_error).run, hold)
        is_written.wait(30)
        second = SqliteFile(path, _SCHEMA, _unavailable_error)
        assert _count(second) == 1
        may_end.set()
        held.result(30)
    assert _count(second) == 2


def test_connection_is_used_again(tmp_path):
    database = SqliteFile(tmp_path / "db", "", _unavailable_error)
    assert database.run(lambda db: db) is database.run(lambda db: db)


def test_connection_of_a_failed_operation_is_not_used_again(tmp_path):
    database = SqliteFile(tmp_path / "db", "", _unavailable_error)
    used = []

    def fail(db):
        used.append(db)
        raise KeyError("reason")

    with pytest.raises(KeyError):
        database.run(fail)
    assert database.run(lambda db: db) not in used


def _connections_of_a_database(path):
    """Return two connections of a database that is no longer used."""
    database = SqliteFile(path, _SCHEMA, _unavailable_error)
    return database.run(lambda first: (first, database.run(lambda second: second)))


def test_connections_are_closed_with_the_database_that_owns_them(tmp_path):
    first, second = _connections_of_a_database(tmp_path / "a.sqlite")
    assert first is not second
    gc.collect()
    for connection in (first, second):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
