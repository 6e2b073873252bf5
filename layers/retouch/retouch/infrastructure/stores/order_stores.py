"""Chooses the stores of orders, jobs and batches from the settings. Only the modules in use are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.core.errors import OrdersUnavailable
from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.orders.jobs import JobStores
from retouch.orders.stores import OrderStores

if TYPE_CHECKING:
    from retouch.batches.stores import BatchStores


def order_stores(settings: Settings, aws: AwsClients) -> OrderStores | None:
    """Return the stores that the settings name, or None. A table needs the bucket for the answers."""
    validity = round(settings.idempotency_hours * 3600)
    if settings.orders_table:
        from retouch.infrastructure.aws.answer_bucket import AnswerBucket
        from retouch.infrastructure.aws.order_table import OrderDynamoTable

        table, answers = (
            OrderDynamoTable(settings.orders_table, aws),
            AnswerBucket(settings.bucket, aws),
        )
        return OrderStores(table, answers, validity)
    if settings.orders_folder:
        from retouch.infrastructure.local.order_folder import AnswerFolder, OrderFolderTable

        folder = settings.orders_folder
        return OrderStores(OrderFolderTable(folder), AnswerFolder(folder), validity)
    return None


def job_stores(settings: Settings, orders: OrderStores | None, aws: AwsClients) -> JobStores | None:
    """Return what jobs need, or None when the settings name no queue of edits."""
    if orders is None:
        return None
    if settings.orders_table:
        if not settings.edits_queue_url:
            return None
        from retouch.infrastructure.aws.edits_queue import EditsSqsQueue, RequestBucket

        requests = RequestBucket(settings.bucket, aws)
        return JobStores(orders, requests, EditsSqsQueue(settings.edits_queue_url, aws))
    from retouch.infrastructure.local.job_folder import EditsFolderQueue, RequestFolder

    folder = settings.orders_folder
    return JobStores(orders, RequestFolder(folder), EditsFolderQueue(folder))


def batch_stores(settings: Settings, jobs: JobStores | None, aws: AwsClients) -> BatchStores | None:
    """Return what batches need, or None when the settings name no table of batches."""
    if jobs is None or not settings.bucket:
        return None
    from retouch.batches.stores import BatchStores
    from retouch.infrastructure.aws.batch_bucket import BatchBucket

    contents = BatchBucket(settings.bucket, aws)
    if settings.orders_table:
        if not (settings.batches_table and settings.batches_queue_url):
            return None
        from retouch.infrastructure.aws.edits_queue import EditsSqsQueue
        from retouch.infrastructure.aws.order_table import OrderDynamoTable
        from retouch.infrastructure.aws.row_table import RowDynamoTable

        return BatchStores(
            RowDynamoTable(settings.batches_table, aws, _batches_unavailable_error),
            contents,
            EditsSqsQueue(settings.edits_queue_url, aws),
            EditsSqsQueue(settings.batches_queue_url, aws),
            OrderDynamoTable(settings.orders_table, aws),
            jobs,
        )
    from pathlib import Path

    from retouch.infrastructure.local.job_folder import EditsFolderQueue
    from retouch.infrastructure.local.order_folder import OrderFolderTable
    from retouch.infrastructure.local.row_folder import RowFolderTable

    folder = settings.orders_folder
    return BatchStores(
        RowFolderTable(Path(folder) / "batches-and-files.sqlite", _batches_unavailable_error),
        contents,
        EditsFolderQueue(folder),
        EditsFolderQueue(folder, "batches"),
        OrderFolderTable(folder),
        jobs,
    )


def _batches_unavailable_error() -> OrdersUnavailable:
    return OrdersUnavailable(
        "The table of batches cannot be used. Send the request again.", retry_after=2
    )
