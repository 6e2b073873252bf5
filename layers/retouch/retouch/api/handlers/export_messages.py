"""The messages of exports: a worker writes the file of an export."""

from __future__ import annotations

from dataclasses import replace

from retouch.api.admin.usage_params import filter_from_values
from retouch.api.handlers.worker_context import WorkerContext
from retouch.orders.jobs import Pause, QueuedMessage
from retouch.usage.documents import Document, export_group
from retouch.usage.exports import ExportPorts, from_document, to_document, write_export
from retouch.usage.query import UsageQuery


def run_export(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """Write the file of an export that is in progress. A message of any other export does nothing."""
    ports, document = _find(message, worker)
    if ports and document:
        export = from_document(document)
        query = UsageQuery(
            export.workspaces,
            export.start,
            export.end,
            filter=filter_from_values(export.filters),
            cost_basis=export.cost_basis,
        )
        write_export(document, query, ports, worker.services.clock.unix_time())
    return None


def abandon_export(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """End an export that the workers could not write."""
    ports, document = _find(message, worker)
    if ports and document:
        now = worker.services.clock.unix_time()
        ended = replace(from_document(document), state="failed", updated=now)
        ports.documents.write(to_document(ended, document.version))
    return None


def _find(
    message: QueuedMessage, worker: WorkerContext
) -> tuple[ExportPorts | None, Document | None]:
    """Return what writes exports, and the export of a message if it is in progress."""
    ports = worker.services.load_exports()
    if ports is None:
        return None, None
    group = export_group(str(message.get("workspace")))
    document = ports.documents.read(group, str(message["export"]))
    is_open = document is not None and from_document(document).state == "in_progress"
    return ports, document if is_open else None
