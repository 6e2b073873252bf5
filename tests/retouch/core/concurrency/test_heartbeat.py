"""Tests of functions that run in the background while their reader waits."""

from math import inf
from threading import Event

import pytest

from retouch.core.concurrency.heartbeat import add_heartbeats, is_done_within, run_in_background


def test_function_is_done_within_an_infinite_time():
    future = run_in_background(lambda: 7)
    assert is_done_within(future, inf)
    assert future.result() == 7


def test_function_that_still_runs_is_not_done():
    release = Event()
    future = run_in_background(lambda: release.wait(20))
    assert not is_done_within(future, 0.05)
    release.set()
    assert is_done_within(future, 20)


def test_error_of_the_function_is_raised_by_its_result_only():
    def fail():
        raise ValueError("broken")

    future = run_in_background(fail)
    assert is_done_within(future, inf)
    with pytest.raises(ValueError, match="broken"):
        future.result()


def test_many_background_functions_can_wait_for_heartbeats():
    def read():
        return list(add_heartbeats((number for number in range(3)), 5.0))

    futures = [run_in_background(read) for _ in range(40)]
    assert all(is_done_within(future, 30) for future in futures)
    assert {tuple(future.result()) for future in futures} == {(0, 1, 2)}
