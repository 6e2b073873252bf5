"""S3 Batch Operations: each task names an object, which starts an edit as its upload would.

A task succeeds when its edit is a job, because an edit takes longer than a task should. The job's end is reported as
for every object of an inbox.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from retouch.api.events.edit_messages import QueuedEvent
from retouch.api.events.unknown import UnknownEvent
from retouch.api.handlers.event_messages import EventWorker
from retouch.api.handlers.worker_context import WorkerContext
from retouch.core.errors import Fault, NotFound
from retouch.inbox.object_names import decode_record_key, read_inbox_key
from retouch.inbox.ports import EventPorts
from retouch.inbox.store import ObjectCreated

_log = logging.getLogger("retouch")
_SUCCEEDED, _TEMPORARY, _PERMANENT = "Succeeded", "TemporaryFailure", "PermanentFailure"
_VERSIONS = ("1.0", "2.0")
_MAX_RESULT_CHARS = 1024


def run_tasks(event: Mapping[str, Any], worker: WorkerContext, ports: EventPorts) -> dict[str, Any]:
    """Return the results of the tasks in an event of S3 Batch Operations. Raises UnknownEvent."""
    version, tasks = event.get("invocationSchemaVersion"), event["tasks"]
    if version not in _VERSIONS or not isinstance(tasks, list):
        raise UnknownEvent("The event is not of S3 Batch Operations with the schema 1.0 or 2.0.")
    return {
        "invocationSchemaVersion": version,
        "treatMissingKeysAs": _PERMANENT,
        "invocationId": event.get("invocationId"),
        "results": [_run_task(task, worker, ports) for task in tasks],
    }


def _run_task(task: Mapping[str, Any], worker: WorkerContext, ports: EventPorts) -> dict[str, Any]:
    code, text = _start_edit(task, worker, ports)
    return {"taskId": task["taskId"], "resultCode": code, "resultString": text[:_MAX_RESULT_CHARS]}


def _start_edit(
    task: Mapping[str, Any], worker: WorkerContext, ports: EventPorts
) -> tuple[str, str]:
    """Return the code and the text of a task's result."""
    try:
        created = _find_object(task, ports)
        starter = EventWorker(QueuedEvent(str(task["taskId"]), {}), worker, ports)
        pause = starter.process_object(created)
    except NotFound as fault:
        return _PERMANENT, f"{fault.code}: {fault}"
    except Exception as error:
        _log.warning("a task could not be worked on", exc_info=error)
        return _TEMPORARY, f"{error}" if isinstance(error, Fault) else "The gateway failed."
    if starter.refused:
        return _PERMANENT, f"{starter.refused[0].code}: {starter.refused[0]}"
    return (_TEMPORARY, "The edit has to wait.") if pause else (_SUCCEEDED, "The edit is a job.")


def _find_object(task: Mapping[str, Any], ports: EventPorts) -> ObjectCreated:
    """Return the object of a task as it is now. Raises NotFound or InboxUnavailable."""
    bucket = task.get("s3Bucket") or str(task.get("s3BucketArn")).rpartition(":")[2]
    key = decode_record_key(str(task.get("s3Key")))
    if read_inbox_key(key) is None:
        raise NotFound("The object is not below inbox/<recipe>/.", code="not_in_inbox")
    file = ports.store.read_metadata(bucket, key)
    if file is None:
        raise NotFound("There is no such object.", code="object_not_found")
    return ObjectCreated(bucket, key, file.etag)
