"""What processes used: CPU time and memory."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MIB = 1 << 20


def below(pid: int) -> list[int]:
    """All that a process has started, over every generation."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def tree(pid: int) -> list[int]:
    """A process and all that it has started."""
    return [pid, *below(pid)]


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time, that of children which ended included; a process that is gone has none."""
    return sum(map(_cpu, pids))


def rss_mb(pids: Iterable[int]) -> float:
    """Resident memory now."""
    return sum(map(_rss, pids)) / MIB


def peak_rss_mb(pids: Iterable[int]) -> float:
    """The largest resident memory each process ever had, summed."""
    return sum(map(_peak, pids)) / MIB


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended: float = times.children_user + times.children_system
    return ended + _clock(pid, times.user + times.system)


def _clock(pid: int, coarse: float) -> float:
    # Linux gives every process a CPU clock in nanoseconds; /proc counts in steps of 10 ms.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return coarse


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _peak(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return _rss(pid)
    peaks = [int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")]
    return sum(peaks)
