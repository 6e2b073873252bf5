"""Chooses the ports of event-driven edits from the settings."""

from __future__ import annotations

from collections.abc import Mapping

from retouch.core.clock import SystemClock
from retouch.core.settings import Settings
from retouch.inbox.ports import EventPorts
from retouch.inbox.recipe_cache import RecipeCache
from retouch.inbox.store import InboxStore
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.environment import AwsEnvironment
from retouch.infrastructure.aws.event_messages import AwsEventMessages


def event_ports(environment: Mapping[str, str]) -> EventPorts:
    """Return the buckets or the local folder, and the messages."""
    settings = Settings.from_env(environment)
    aws = AwsClients(AwsEnvironment.from_env(environment))
    store = _inbox_store(settings, aws)
    return EventPorts(store, RecipeCache(store, SystemClock()), AwsEventMessages(settings, aws))


def _inbox_store(settings: Settings, aws: AwsClients) -> InboxStore:
    if settings.inbox_folder:
        from retouch.infrastructure.local.inbox_folder import InboxFolder

        return InboxFolder(settings.inbox_folder)
    from retouch.infrastructure.aws.inbox_bucket import InboxBuckets

    return InboxBuckets(aws)
