"""Renders webhook endpoints and deliveries as JSON. Endpoints have the shape of OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retouch.webhooks.delivery import Delivery
from retouch.webhooks.endpoint import Endpoint


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as an object, without its secret."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "url": endpoint.url,
        "name": endpoint.name,
        "event_types": list(endpoint.event_types),
        "created_at": endpoint.created,
        "updated_at": endpoint.updated,
        "signing_secret_hint": endpoint.secret_hint,
        "status": "enabled" if endpoint.is_enabled else "disabled",
        "disabled_reason": endpoint.disabled_reason or None,
    }


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as an object, with its attempts."""
    is_pending = delivery.state == "pending"
    return {
        "id": delivery.id,
        "object": "webhook_delivery",
        "webhook_endpoint_id": delivery.endpoint,
        "event_id": delivery.message,
        "event_type": delivery.type,
        "status": delivery.state,
        "created_at": delivery.created,
        "next_attempt_at": delivery.due if is_pending else None,
        "expires_at": delivery.expires,
        "attempts": [
            {
                "at": attempt.time,
                "status_code": attempt.status or None,
                "duration_ms": attempt.milliseconds,
                "error": attempt.reason or None,
            }
            for attempt in delivery.attempts
        ],
    }


def list_document(documents: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return one page of objects in OpenAI's shape."""
    return {
        "object": "list",
        "data": list(documents),
        "first_id": documents[0]["id"] if documents else None,
        "last_id": documents[-1]["id"] if documents else None,
        "has_more": has_more,
    }
