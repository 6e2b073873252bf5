"""Measure the CPU time and the memory of processes."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MIB = 1 << 20


def descendant_pids(pid: int) -> list[int]:
    """Return the pids of all descendants of a process."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def tree_pids(pid: int) -> list[int]:
    """Return the pid of a process and those of all its descendants."""
    return [pid, *descendant_pids(pid)]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the user and system time of the processes, including their ended children. An ended process counts 0."""
    return sum(map(_process_cpu_seconds, pids))


def rss_mb(pids: Iterable[int]) -> float:
    """Return the current resident memory of the processes in MiB."""
    return sum(map(_rss_bytes, pids)) / MIB


def peak_rss_mb(pids: Iterable[int]) -> float:
    """Return the sum of the peak resident memory of each process in MiB."""
    return sum(map(_peak_rss_bytes, pids)) / MIB


def _process_cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended_children_seconds: float = times.children_user + times.children_system
    return ended_children_seconds + _cpu_clock_seconds(pid, times.user + times.system)


def _cpu_clock_seconds(pid: int, fallback_seconds: float) -> float:
    # Linux has a CPU clock in nanoseconds for every process. /proc counts in steps of 10 ms.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return fallback_seconds


def _rss_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _peak_rss_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return _rss_bytes(pid)
    peaks = [int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")]
    return sum(peaks)
