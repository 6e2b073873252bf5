"""Return free memory to the operating system."""

from __future__ import annotations


def release_free_memory() -> None:
    """Give the free memory of the C library back to the system, where the C library can do that (glibc).

    The library keeps what is freed in pieces below its threshold (32 MiB on Lambda). After a decoder that works in such
    pieces, this can be a hundred MB, which would still be there beside the next image.
    """
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
