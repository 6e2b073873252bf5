"""What usage needs from the outside: a table of events, rollups, feedback and exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from retouch.usage.event import UsageEvent


class UsageStore(Protocol):
    """The events and the rollups. Every method raises UsageUnavailable when the store cannot be used."""

    @property
    def retention_seconds(self) -> int:
        """How long events are kept after their time."""

    def write_event(self, event: UsageEvent) -> bool:
        """Store an event unless one with its id is there. Return whether it was stored by this call."""

    def read_events(self, workspace: str, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield the events of a workspace in [start, end), Unix seconds within one day, the earliest first."""

    def find_by_trace(self, trace: str) -> Sequence[UsageEvent]:
        """Return the events with that trace id, of every workspace."""

    def read_rollup(self, workspace: str, day: str) -> bytes | None:
        """Return the rollup of a day, or None."""

    def write_rollup(self, workspace: str, day: str, data: bytes) -> None:
        """Store the rollup of a day, unless there is one."""

    def note_workspace(self, workspace: str, month: str) -> None:
        """Remember that a workspace has events in a month, as "2026-11"."""

    def list_workspaces(self, month: str) -> Sequence[str]:
        """Return the workspaces with events in a month, also those that are deleted."""
