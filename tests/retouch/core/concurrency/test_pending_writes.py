"""Tests of the writes that run beside a response."""

import threading
import time
from contextvars import ContextVar

from retouch.core.concurrency.pending_writes import finish_writes, start_write


def test_writes_run_beside_and_are_waited_for():
    may_end, written = threading.Event(), []

    def write():
        may_end.wait(60)
        written.append(1)

    start_write(write)
    assert written == []
    may_end.set()
    finish_writes()
    assert written == [1]


def test_write_runs_in_the_context_of_its_own_request():
    request, may_end, seen = ContextVar("request", default=""), threading.Event(), []
    request.set("one")

    def write():
        may_end.wait(60)
        seen.append(request.get())

    start_write(write)
    request.set("two")
    may_end.set()
    finish_writes()
    assert seen == ["one"]


def test_failure_of_a_write_goes_to_the_log(caplog):
    def fail():
        raise ValueError("MARKER")

    start_write(fail)
    finish_writes()
    assert "beside the response failed" in caplog.text


def test_write_that_hangs_is_not_waited_for_longer_than_the_limit(caplog):
    may_end = threading.Event()

    def hang():
        may_end.wait(60)

    start_write(hang)
    started = time.monotonic()
    finish_writes(0.05)
    assert time.monotonic() - started < 20
    assert "has not ended in time" in caplog.text
    may_end.set()
    finish_writes()
