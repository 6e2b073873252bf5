"""The recent edits that still run or may have been paid for, by fingerprint. A store knows them until they expire."""

from __future__ import annotations

import threading
from typing import Protocol


class RecentEdits(Protocol):
    """The store of recent edits. It never raises: without its storage it stores nothing and finds nothing."""

    def add(self, fingerprint: str, expires_at: int) -> None:
        """Store an edit until that Unix time, or change the time of one that is stored."""

    def remove(self, fingerprint: str) -> None:
        """Remove an edit. Does nothing when there is none."""

    def contains(self, fingerprint: str, unix_time: int) -> bool:
        """Return whether the store has an edit that has not expired at that time."""


class InMemoryRecentEdits:
    """The recent edits of this process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expiry_times: dict[str, int] = {}

    def add(self, fingerprint: str, expires_at: int) -> None:
        """Store an edit until that Unix time."""
        with self._lock:
            self._expiry_times[fingerprint] = expires_at

    def remove(self, fingerprint: str) -> None:
        """Remove an edit."""
        with self._lock:
            self._expiry_times.pop(fingerprint, None)

    def contains(self, fingerprint: str, unix_time: int) -> bool:
        """Return whether an edit is stored. Expired edits are removed."""
        with self._lock:
            self._expiry_times = {
                key: time for key, time in self._expiry_times.items() if time > unix_time
            }
            return fingerprint in self._expiry_times
