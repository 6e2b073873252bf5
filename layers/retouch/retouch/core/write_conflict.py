"""The exception of a conditional write. It is no fault of a request: the caller reads again and decides."""

from __future__ import annotations


class WriteConflict(Exception):
    """Something else is stored than what a write should replace."""
