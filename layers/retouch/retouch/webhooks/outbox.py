"""How an event becomes deliveries. Every step may be repeated: the ids are derived, and a row is written once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from retouch.core.errors import InvalidRequest, NotFound, WebhookConflict
from retouch.core.rows import RowConflict, RowTable
from retouch.webhooks.delivery import Delivery, is_lost, new_delivery, restart
from retouch.webhooks.endpoint import Endpoint
from retouch.webhooks.event import Event
from retouch.webhooks.records import (
    delivery_of_row,
    read_delivery,
    read_endpoint,
    write_record,
)
from retouch.webhooks.registry import list_endpoints
from retouch.webhooks.services import WebhookServices

_log = logging.getLogger("retouch")


def choose_endpoints(
    scope: str, named: str, event_types: Iterable[str], table: RowTable
) -> tuple[str, ...]:
    """Return the ids of the endpoints that get events of some types: the named one, or all that ask for one of them.

    Raises InvalidRequest for a named endpoint that does not exist or asks for none of them.
    """
    wanted = set(event_types)
    if not named:
        endpoints = list_endpoints(scope, table)
        return tuple(one.id for one in endpoints if wanted & set(one.event_types))
    endpoint = _find_endpoint(scope, named, table)
    if not wanted & set(endpoint.event_types):
        raise InvalidRequest(
            f"The webhook endpoint '{endpoint.id}' gets none of these events: {', '.join(sorted(wanted))}. "
            "Add one to its 'event_types', or name another endpoint.",
            param="webhook",
        )
    return (endpoint.id,)


def queue_event(
    event: Event, scope: str, endpoint_ids: Iterable[str], services: WebhookServices, now: int
) -> None:
    """Store the deliveries of an event and send their messages. Raises WebhooksUnavailable.

    An endpoint that was deleted, or does not ask for this type, gets none.
    """
    for identifier in endpoint_ids:
        endpoint = read_endpoint(services.table, scope, identifier)
        if endpoint is None or event.type not in endpoint.event_types:
            continue
        delivery = new_delivery(event, scope, identifier, now)
        try:
            write_record(services.table, delivery, None)
        except (
            RowConflict
        ) as conflict:  # an earlier call has stored it, and its message may be lost
            if conflict.stored is None or delivery_of_row(conflict.stored).state != "pending":
                continue
        services.queue.send(scope, delivery.id)


def redeliver(delivery: Delivery, services: WebhookServices, now: int) -> Delivery:
    """Send a delivery again, with the same id and the same body. Raises WebhookConflict while it is pending."""
    if delivery.state == "pending" and not is_lost(delivery, now):
        raise _pending_error()
    try:
        restarted = write_record(services.table, restart(delivery, now), delivery)
    except RowConflict:
        raise _pending_error() from None
    try:
        services.queue.send(delivery.scope, delivery.id)
    except Exception:
        _restore_delivery(restarted, delivery, services.table)
        raise
    return restarted


def find_delivery(scope: str, identifier: str, table: RowTable) -> Delivery:
    """Return a delivery of the scope. Raises NotFound."""
    delivery = read_delivery(table, scope, identifier) if identifier.startswith("whd_") else None
    if delivery is None:
        raise NotFound(
            "There is no such webhook delivery. It is kept for 30 days, and it may belong to another key."
        )
    return delivery


def _find_endpoint(scope: str, named: str, table: RowTable) -> Endpoint:
    """Return the endpoint with this id, or the newest one with this URL."""
    for endpoint in list_endpoints(scope, table):
        if named in (endpoint.id, endpoint.url):
            return endpoint
    raise InvalidRequest(
        f"There is no webhook endpoint '{named[:64]}' for this key. Create it with POST /v1/webhook_endpoints.",
        param="webhook",
    )


def _restore_delivery(restarted: Delivery, delivery: Delivery, table: RowTable) -> None:
    try:
        write_record(table, replace(delivery, version=restarted.version), restarted)
    except Exception as error:  # the delivery can be sent again when its message counts as lost
        _log.warning("a delivery without a message stays pending", exc_info=error)


def _pending_error() -> WebhookConflict:
    return WebhookConflict(
        "The delivery is still pending: the gateway tries it again by itself. Wait for its end."
    )
