import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from bench import children, usage

# Each child works for a stretch of its own CPU time and says so, so no clock on the wall matters.
BUSY = "import time\nwhile time.process_time() < {}: pass\n"
SUB = "import subprocess, sys\n"
WAITING_CHILD = f"{SUB}subprocess.Popen([sys.executable, '-c', 'input()'])\n"
THEN_WAIT = "print('done', flush=True)\ninput()\n"


@pytest.fixture
def start() -> Iterator[object]:
    started = []

    def run(code: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout.readline().strip() == b"done"
        return process

    yield run
    for process in started:
        children.stop(process)
        process.stdin.close()
        process.stdout.close()


def test_a_busy_child_is_charged_what_it_used(start) -> None:
    child = start(BUSY.format(0.2) + THEN_WAIT)
    used = usage.cpu_seconds([child.pid])
    assert 0.2 <= used < 2
    assert usage.cpu_seconds([child.pid]) - used < 0.05


def test_a_childs_own_children_count_when_they_ended(start) -> None:
    ended = f"{SUB}subprocess.run([sys.executable, '-c', {BUSY.format(0.2)!r}])\n"
    assert usage.cpu_seconds([start(ended + THEN_WAIT).pid]) >= 0.2


def test_the_tree_has_every_generation(start) -> None:
    parent = start(WAITING_CHILD + THEN_WAIT)
    assert usage.tree(parent.pid) == [parent.pid, *usage.below(parent.pid)]
    assert len(usage.below(parent.pid)) == 1


def test_memory_is_seen_and_a_peak_stays(start) -> None:
    child = start("x = bytearray(64 << 20)\ndel x\n" + THEN_WAIT)
    assert usage.peak_rss_mb([child.pid]) > usage.rss_mb([child.pid]) > 1


def test_a_process_that_is_gone_counts_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert usage.cpu_seconds([gone.pid]) == usage.peak_rss_mb([gone.pid]) == 0


def test_stop_ends_the_family_and_nobody_else(start) -> None:
    parent = start(WAITING_CHILD + THEN_WAIT)
    family = usage.tree(parent.pid)
    children.stop(parent)
    assert len(family) == 2
    assert not any(psutil.pid_exists(pid) for pid in family)
    assert psutil.pid_exists(os.getpid())
