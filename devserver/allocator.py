"""Tune the memory allocator for repeated large bodies."""

from __future__ import annotations

import contextlib
import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_freed_blocks() -> None:
    """Make glibc keep freed blocks for reuse.

    By default glibc maps each large block again, and the page faults cost more time than all copying.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Another C library.
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 128 << 20)
        mallopt(_M_ARENA_MAX, 1)  # The heap of a thread is too small to keep large blocks.
