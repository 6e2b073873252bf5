"""Writes usage events into the table, which is authoritative, and to the event bus, which a billing system may read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.cloud_events import usage_cloud_event
from retouch.usage.event import UsageEvent
from retouch.usage.stores import UsageStore

PublishEvents = Callable[[Sequence[Mapping[str, Any]]], None]


@frozen_dataclass
class UsageRecorder:
    """A table of usage, and the event bus if there is one."""

    store: UsageStore
    publish: PublishEvents | None = None
    stack: str = ""
    _noted: set[tuple[str, str]] = field(default_factory=set)  # workspaces and months

    def write(self, events: Sequence[UsageEvent]) -> list[bool]:
        """Store the events and publish them. Return which of them were not there already. Raises UsageUnavailable."""
        for event in events:
            self._note_workspace(event.workspace, event.day[:7])
        is_new = [self.store.write_event(event) for event in events]
        if self.publish and events:
            self.publish([usage_cloud_event(event, self.stack) for event in events])
        return is_new

    def _note_workspace(self, workspace: str, month: str) -> None:
        """Note each workspace once in a process and a month. Lists of workspaces must have it before it has events."""
        if (workspace, month) not in self._noted:
            self.store.note_workspace(workspace, month)
            self._noted.add((workspace, month))

    def read(self, event: UsageEvent) -> UsageEvent:
        """Return the event of that id that is in the table, or the event itself. Raises UsageUnavailable."""
        found = self.store.read_events(event.workspace, event.time, event.time + 1)
        return next((one for one in found if one.id == event.id), event)
