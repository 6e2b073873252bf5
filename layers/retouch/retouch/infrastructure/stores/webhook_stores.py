"""Chooses the stores of webhooks from the settings. Only the modules in use are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from retouch.core.clock import Clock
from retouch.core.errors import WebhooksUnavailable
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients

if TYPE_CHECKING:
    from retouch.webhooks.services import WebhookServices


def webhook_services(
    settings: Settings, clock: Clock, aws: AwsClients, log: Callable[[Mapping[str, Any]], None]
) -> WebhookServices | None:
    """Return what webhooks need, or None when the settings name no table and queue of them."""
    has_table = bool(settings.webhooks_table and settings.webhooks_queue_url)
    if not has_table and (settings.orders_table or not settings.orders_folder):
        return None
    from retouch.core.url_policy.policy import FetchPolicy
    from retouch.infrastructure.fetch.event_client import EventHttpClient
    from retouch.webhooks.services import WebhookServices

    policy = FetchPolicy.from_text(settings.webhook_allowlist, settings.user_agent)
    client, schedule = EventHttpClient(policy, clock, log=log), settings.webhook_schedule
    if has_table:
        from retouch.infrastructure.aws.row_table import RowDynamoTable
        from retouch.infrastructure.aws.webhook_queue import DeliverySqsQueue

        table = RowDynamoTable(settings.webhooks_table, aws, _unavailable_error)
        queue = DeliverySqsQueue(settings.webhooks_queue_url, aws)
        return WebhookServices(table, queue, client, schedule)
    from pathlib import Path

    from retouch.infrastructure.local.row_folder import RowFolderTable
    from retouch.infrastructure.local.webhook_folder import DeliveryFolderQueue

    folder = settings.orders_folder
    rows = RowFolderTable(Path(folder) / "webhooks.sqlite", _unavailable_error)
    return WebhookServices(rows, DeliveryFolderQueue(folder), client, schedule)


def _unavailable_error() -> WebhooksUnavailable:
    return WebhooksUnavailable(
        "The table of webhooks cannot be used. Send the request again.", retry_after=2
    )
