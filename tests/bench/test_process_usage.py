import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from bench import process_usage, processes

# Each child works for a fixed CPU time and then reports it, so the test does not depend on wall-clock time.
BUSY = "import time\nwhile time.process_time() < {}: pass\n"
SUB = "import subprocess, sys\n"
WAITING_CHILD = f"{SUB}subprocess.Popen([sys.executable, '-c', 'input()'])\n"
THEN_WAIT = "print('done', flush=True)\ninput()\n"


@pytest.fixture
def start_child() -> Iterator[object]:
    started = []

    def start(code: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"done"
        return process

    yield start
    for process in started:
        processes.stop_process(process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


def test_cpu_seconds_counts_the_cpu_time_of_a_busy_child(start_child) -> None:
    child = start_child(BUSY.format(0.2) + THEN_WAIT)
    used = process_usage.cpu_seconds([child.pid])
    assert 0.2 <= used < 2
    assert process_usage.cpu_seconds([child.pid]) - used < 0.05


def test_cpu_seconds_includes_ended_grandchildren(start_child) -> None:
    ended = f"{SUB}subprocess.run([sys.executable, '-c', {BUSY.format(0.2)!r}])\n"
    assert process_usage.cpu_seconds([start_child(ended + THEN_WAIT).pid]) >= 0.2


def test_tree_pids_includes_every_descendant(start_child) -> None:
    parent = start_child(WAITING_CHILD + THEN_WAIT)
    assert process_usage.tree_pids(parent.pid) == [
        parent.pid,
        *process_usage.descendant_pids(parent.pid),
    ]
    assert len(process_usage.descendant_pids(parent.pid)) == 1


def test_peak_rss_stays_above_rss_after_memory_is_freed(start_child) -> None:
    child = start_child("x = bytearray(64 << 20)\ndel x\n" + THEN_WAIT)
    assert process_usage.peak_rss_mb([child.pid]) > process_usage.rss_mb([child.pid]) > 1


def test_usage_of_an_ended_process_is_zero() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert process_usage.cpu_seconds([gone.pid]) == process_usage.peak_rss_mb([gone.pid]) == 0


def test_stop_process_ends_the_process_tree_only(start_child) -> None:
    parent = start_child(WAITING_CHILD + THEN_WAIT)
    pids = process_usage.tree_pids(parent.pid)
    processes.stop_process(parent)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert psutil.pid_exists(os.getpid())
