"""Tests of calls that run while the caller does something else."""

import threading

import pytest

from retouch.core.concurrency.background_call import BackgroundCall


def test_call_runs_before_its_result_is_asked_for():
    ended = threading.Event()

    def work():
        ended.set()
        return "result"

    call = BackgroundCall(work)
    assert ended.wait(60)
    assert [call.result(), call.result()] == ["result", "result"]


def test_error_of_the_call_is_raised_each_time_its_result_is_asked_for():
    def fail():
        raise KeyError("reason")

    call = BackgroundCall(fail)
    for _ in range(2):
        with pytest.raises(KeyError, match="reason"):
            call.result()


def test_result_is_waited_for():
    proceed = threading.Event()
    call = BackgroundCall(lambda: proceed.wait(60))
    threading.Timer(0.05, proceed.set).start()
    assert call.result() is True
