"""Tests of threads that are used again."""

import threading
from types import SimpleNamespace
from weakref import ref

import pytest

from retouch.core.concurrency import reused_threads
from retouch.core.concurrency.reused_threads import ReusedThreads
from tests.support.waits import wait_until


def run_and_wait(threads):
    """Run a function that returns its thread, and wait until the thread waits for the next one."""
    used, ended = [], threading.Event()

    def function():
        used.append(threading.current_thread())
        ended.set()

    threads.run(function)
    assert ended.wait(60)
    return used[0]


def test_idle_thread_runs_the_next_function():
    threads = ReusedThreads("name")
    first = run_and_wait(threads)
    wait_until(lambda: threads._idle)
    assert run_and_wait(threads) is first
    assert first.name == "name"


def test_function_does_not_wait_for_another_one_that_still_runs():
    threads, proceed = ReusedThreads("name"), threading.Event()

    def wait():
        proceed.wait(60)

    threads.run(wait)
    run_and_wait(threads)
    proceed.set()


def test_thread_does_not_delay_the_end_of_the_process():
    assert run_and_wait(ReusedThreads("name")).daemon


def test_thread_ends_when_enough_others_are_idle(monkeypatch):
    monkeypatch.setattr(reused_threads, "_MAX_IDLE_THREADS", 0)
    thread = run_and_wait(ReusedThreads("name"))
    thread.join(60)
    assert not thread.is_alive()


def test_idle_thread_does_not_hold_the_function_that_it_ran():
    class Work:
        def __call__(self):
            """Do nothing."""

    threads, work = ReusedThreads("name"), Work()
    reference = ref(work)
    threads.run(work)
    del work
    wait_until(lambda: reference() is None)


def test_failure_to_start_a_thread_is_raised(monkeypatch):
    class FailingThread(threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    # Only this module gets the class: servers of other tests share the process.
    monkeypatch.setattr(reused_threads, "threading", SimpleNamespace(Thread=FailingThread))
    with pytest.raises(RuntimeError):
        ReusedThreads("name").run(lambda: None)
