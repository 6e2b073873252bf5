"""Renders batches and files as JSON, in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from retouch.batches.batch import ENDPOINT, Batch, LineError
from retouch.batches.files import StoredFile


def batch_document(batch: Batch, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the batch as an object."""
    ended = {
        f"{status}_at": batch.ended_at if batch.status == status else None
        for status in ("completed", "failed", "expired", "cancelled")
    }
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": ENDPOINT,
        "errors": _errors_document(batch.errors) if batch.errors else None,
        "input_file_id": batch.input_file,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output_file or None,
        "error_file_id": batch.error_file or None,
        "created_at": batch.created,
        "in_progress_at": batch.started_at or None,
        "expires_at": batch.expires,
        "finalizing_at": batch.finalizing_at or None,
        "cancelling_at": batch.cancelling_at or None,
        **ended,
        "request_counts": dict(counts),
        "metadata": dict(batch.metadata),
        "model": batch.model or None,
        "usage": orjson.loads(batch.usage) if batch.usage else None,
    }


def file_document(file: StoredFile) -> dict[str, Any]:
    """Return the file as an object."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "expires_at": file.expires,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }


def list_document(items: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Return one page of a list. `items` has one more than the limit when there is a next page."""
    page = list(items[:limit])
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > limit,
    }


def _errors_document(errors: Sequence[LineError]) -> dict[str, Any]:
    data = [
        {
            "code": error.code,
            "line": error.line or None,
            "message": error.message,
            "param": error.param or None,
        }
        for error in errors
    ]
    return {"object": "list", "data": data}
