"""What processes used: CPU time and memory of whole trees."""

import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MIB = 1 << 20


def tree(roots: Iterable[int]) -> list[psutil.Process]:
    """The processes and all that they started; those that are gone are left out."""
    found = {}
    for pid in roots:
        try:
            root = psutil.Process(pid)
            found.update({p.pid: p for p in (root, *root.children(recursive=True))})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the trees, children that ended included."""
    return sum(map(_cpu, tree(roots)))


def rss_mb(roots: Iterable[int]) -> float:
    """Resident memory of the trees now."""
    return sum(map(_rss, tree(roots))) / MIB


def peak_rss_mb(roots: Iterable[int]) -> float:
    """The largest resident memory each process ever had, summed."""
    return sum(map(_peak, tree(roots))) / MIB


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
        ended: float = times.children_user + times.children_system
        return ended + _clock(process.pid, times.user + times.system)
    except psutil.NoSuchProcess:
        return 0.0


def _clock(pid: int, coarse: float) -> float:
    # Linux gives every process a CPU clock in nanoseconds; /proc counts in steps of 10 ms.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return coarse


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _peak(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except OSError:
        return _rss(process)
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))
