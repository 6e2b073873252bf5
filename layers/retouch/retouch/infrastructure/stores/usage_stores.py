"""Chooses the store of usage from the settings. A cold start loads only the module in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.orders.jobs import EditsQueue
from retouch.usage.documents import DocumentStore
from retouch.usage.recorder import UsageRecorder
from retouch.usage.stores import UsageStore

if TYPE_CHECKING:
    from retouch.usage.exports import ExportPorts


def usage_store(settings: Settings, aws: AwsClients) -> UsageStore | None:
    """Return the store that the settings name, or None."""
    if settings.usage_table:
        from retouch.infrastructure.aws.usage_table import UsageDynamoTable

        return UsageDynamoTable(settings.usage_table, settings.usage_days, aws)
    if settings.usage_folder:
        from retouch.infrastructure.local.usage_folder import UsageFolder

        return UsageFolder(settings.usage_folder)
    return None


def usage_documents(settings: Settings, aws: AwsClients, clock: Clock) -> DocumentStore | None:
    """Return the store of feedback and exports that the settings name, or None."""
    if settings.usage_table:
        from retouch.infrastructure.aws.usage_documents import UsageDynamoDocuments

        return UsageDynamoDocuments(settings.usage_table, settings.usage_days, aws, clock)
    if settings.usage_folder:
        from retouch.infrastructure.local.usage_folder import UsageDocumentFolder

        return UsageDocumentFolder(settings.usage_folder)
    return None


def usage_recorder(settings: Settings, aws: AwsClients) -> UsageRecorder | None:
    """Return what writes the usage events, or None when there is no store for them."""
    store = usage_store(settings, aws)
    if store is None:
        return None
    publish = None
    if settings.event_bus:
        from retouch.infrastructure.aws.event_bus import EventBus

        publish = EventBus(settings.event_bus, aws).publish
    return UsageRecorder(store, publish, settings.stack_name)


def export_ports(settings: Settings, aws: AwsClients, clock: Clock) -> ExportPorts | None:
    """Return what writes exports, or None without a store of usage or a bucket."""
    usage, documents = usage_store(settings, aws), usage_documents(settings, aws, clock)
    if usage is None or documents is None or not settings.bucket:
        return None
    from retouch.infrastructure.aws.export_bucket import ExportBucket
    from retouch.usage.exports import ExportPorts

    return ExportPorts(usage, documents, ExportBucket(settings.bucket, aws))


def export_queue(settings: Settings, aws: AwsClients) -> EditsQueue | None:
    """Return the queue whose workers write exports, or None."""
    if settings.edits_queue_url:
        from retouch.infrastructure.aws.edits_queue import EditsSqsQueue

        return EditsSqsQueue(settings.edits_queue_url, aws)
    if settings.orders_folder:
        from retouch.infrastructure.local.job_folder import EditsFolderQueue

        return EditsFolderQueue(settings.orders_folder)
    return None
