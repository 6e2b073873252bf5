"""Tests of calls with a limited time."""

import threading

import pytest

from retouch.core.concurrency.bounded_call import call_within


def test_call_that_ends_in_time_returns_its_result():
    assert call_within(60, lambda: "result") == "result"


def test_call_that_returns_none_returns_none():
    assert call_within(60, lambda: None) is None


def test_error_of_the_call_is_raised():
    def fail():
        raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        call_within(60, fail)


def test_call_that_takes_too_long_raises_timeout_error_and_goes_on():
    proceed, ended = threading.Event(), threading.Event()

    def wait():
        proceed.wait(60)
        ended.set()

    with pytest.raises(TimeoutError, match=r"longer than 0\.1 s"):
        call_within(0.1, wait)
    proceed.set()
    assert ended.wait(60)


@pytest.mark.parametrize("seconds", [0, -1])
def test_call_without_time_is_not_started(seconds):
    calls = []
    with pytest.raises(TimeoutError):
        call_within(seconds, lambda: calls.append(1))
    assert calls == []


def test_infinite_time_is_allowed():
    assert call_within(float("inf"), lambda: 1) == 1
