"""Renders a job as JSON, in the shape of OpenAI's objects for work in the background."""

from __future__ import annotations

from typing import Any

import orjson

from retouch.api.response.errors import error_envelope
from retouch.orders.jobs import job_id, job_status
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.order_errors import unknown_error

_PATH = "/v1/images/edits/"


def job_url(order: Order, base_url: str) -> str:
    """Return the URL of a job. Without the gateway's own address it is a path."""
    return f"{base_url}{_PATH}{job_id(order)}"


def job_document(
    order: Order, answer: StoredAnswer | None, base_url: str, now: int
) -> dict[str, Any]:
    """Return the job as an object. `answer` is the stored answer of a job that is done."""
    status, url = job_status(order, now), job_url(order, base_url)
    body = orjson.loads(answer.body) if answer else {}
    result = body if status == "completed" and answer else None
    return {
        "id": job_id(order),
        "object": "image.edit",
        "status": status,
        "created_at": order.created,
        "started_at": order.started or None,
        "completed_at": order.ended or None,
        "expires_at": order.expires,
        "deadline": order.begin_by,
        "model": order.model,
        "metadata": dict(order.metadata),
        "billed": order.billed,
        "cost_usd": order.cost_usd,
        "error": _job_error(order, body) if status == "failed" else None,
        "result": result,
        "usage": result.get("usage") if result else None,
        "urls": {"get": url, "cancel": f"{url}/cancel"},
    }


def _job_error(order: Order, body: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = body.get("error") or error_envelope(unknown_error(order))
    return error
