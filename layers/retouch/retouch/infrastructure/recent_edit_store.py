"""The choice of the store of recent edits from the settings."""

from __future__ import annotations

from retouch.core.settings import Settings
from retouch.gateway.recent_edits import InMemoryRecentEdits, RecentEdits
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.recent_edit_table import RecentEditTable
from retouch.infrastructure.recent_edit_folder import RecentEditFolder


def recent_edit_store(settings: Settings, aws: AwsClients) -> RecentEdits:
    """Return the shared store that the settings name, else the one of this process."""
    if settings.recent_edits_table:
        return RecentEditTable(settings.recent_edits_table, aws)
    if settings.recent_edits_folder:
        return RecentEditFolder(settings.recent_edits_folder)
    return InMemoryRecentEdits()
