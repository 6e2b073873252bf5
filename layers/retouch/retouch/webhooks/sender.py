"""The work on one message of the queue of deliveries: at most one attempt.

The record decides: when the next attempt may begin, which one it is, and whether another sender is in it. So a message
that arrives twice, early or after a crash sends nothing twice, except after a crash between the request and its record.
Then the receiver gets the same id again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from retouch.core.clock import Clock
from retouch.core.credentials.webhook_signature import signature_headers
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import RowConflict
from retouch.webhooks import delivery as deliveries
from retouch.webhooks import endpoint as endpoints
from retouch.webhooks.delivery import Delivery, DeliveryAttempt
from retouch.webhooks.endpoint import Endpoint
from retouch.webhooks.event import make_event
from retouch.webhooks.records import (
    change_endpoint,
    read_delivery,
    read_endpoint,
    write_record,
)
from retouch.webhooks.registry import signing_keys
from retouch.webhooks.schedule import retry_pause
from retouch.webhooks.services import EventClient, EventRequest, EventResponse, WebhookServices

_log = logging.getLogger("retouch")
_CONFLICT_PAUSE_SECONDS = 2
_GONE_STATUS = 410


@frozen_dataclass
class Sender:
    """Sends deliveries. `pepper` opens the secrets of the endpoints."""

    services: WebhookServices
    clock: Clock
    pepper: str
    record_disabled: Callable[[str], None]  # gets the reason
    lease_seconds: int  # after this time this process has surely ended

    def process(self, scope: str, identifier: str) -> int | None:
        """Work on a message. Return the seconds until it must come again, or None when it may be deleted.

        Raises WebhooksUnavailable.
        """
        delivery = read_delivery(self.services.table, scope, identifier)
        if delivery is None or delivery.state != "pending":
            return None
        wait = max(delivery.due, delivery.lease) - self.clock.unix_time()
        if wait > 0:
            return wait
        try:
            return self._attempt(delivery)
        except RowConflict:
            return _CONFLICT_PAUSE_SECONDS

    def abandon(self, scope: str, identifier: str) -> int | None:
        """End the delivery of a dead letter, so that none stays pending. Return as `process` does."""
        delivery = read_delivery(self.services.table, scope, identifier)
        if delivery is None or delivery.state != "pending":
            return None
        try:
            return self._give_up(delivery, "abandoned")
        except RowConflict:
            return _CONFLICT_PAUSE_SECONDS

    def _attempt(self, delivery: Delivery) -> int | None:
        endpoint = read_endpoint(self.services.table, delivery.scope, delivery.endpoint)
        if endpoint is None or not endpoint.is_enabled:
            return self._give_up(delivery, "endpoint_disabled" if endpoint else "endpoint_deleted")
        begun = deliveries.begin_attempt(delivery, self.clock.unix_time() + self.lease_seconds)
        begun = write_record(self.services.table, begun, delivery)
        response = post_signed(
            endpoint, begun.message, begun.text, self.services.client, self.clock, self.pepper
        )
        self._record_health(endpoint, response)
        return self._record_attempt(begun, response)

    def _record_attempt(self, delivery: Delivery, response: EventResponse) -> int | None:
        now = self.clock.unix_time()
        reason = "" if response.is_accepted else response.reason or "status"
        attempt = DeliveryAttempt(now, response.status, response.milliseconds, reason)
        if response.is_accepted:
            ended = deliveries.add_success(delivery, attempt)
        else:
            pause = self._pause(delivery, response)
            ended = deliveries.add_failure(
                delivery, attempt, None if pause is None else now + pause
            )
        write_record(self.services.table, ended, delivery)
        _log.info(
            "delivery",
            extra={"delivery": ended.id, "state": ended.state, "status": response.status},
        )
        return None if ended.state != "pending" else ended.due - now

    def _pause(self, delivery: Delivery, response: EventResponse) -> int | None:
        if response.status == _GONE_STATUS:
            return None
        return retry_pause(
            delivery.failures + 1,
            self.services.schedule,
            response.retry_after,
            self.clock.random_fraction(),
        )

    def _record_health(self, endpoint: Endpoint, response: EventResponse) -> None:
        """Write whether the endpoint accepts events. A write that fails does not stop the delivery."""
        now, is_gone = self.clock.unix_time(), response.status == _GONE_STATUS

        def change(stored: Endpoint) -> Endpoint:
            if response.is_accepted:
                return endpoints.add_success(stored)
            return endpoints.add_failure(stored, now, is_gone=is_gone)

        try:
            changed = change_endpoint(self.services.table, endpoint, change)
        except Exception as error:
            _log.warning("the state of a webhook endpoint was not written", exc_info=error)
            return
        if changed and not changed.is_enabled:
            _log.error(
                "a webhook endpoint was disabled",
                extra={"endpoint": changed.id, "reason": changed.disabled_reason},
            )
            self.record_disabled(changed.disabled_reason)

    def _give_up(self, delivery: Delivery, reason: str) -> int | None:
        ended = deliveries.give_up(delivery, reason, self.clock.unix_time())
        write_record(self.services.table, ended, delivery)
        _log.warning("a delivery was given up", extra={"delivery": ended.id, "reason": reason})
        return None


def post_signed(
    endpoint: Endpoint, message_id: str, text: str, client: EventClient, clock: Clock, pepper: str
) -> EventResponse:
    """Sign a text now and send it to an endpoint once. Return what came of it."""
    now, body = clock.unix_time(), text.encode()
    headers = signature_headers(signing_keys(endpoint, pepper, now), message_id, now, body)
    return client.post(EventRequest(endpoint.url, headers, body))


def send_sample(
    endpoint: Endpoint, event_type: str, services: WebhookServices, clock: Clock, pepper: str
) -> EventResponse:
    """Send an example of an event to an endpoint once. If it is accepted, the endpoint is enabled again."""
    subject = f"test_{secrets.token_hex(8)}"
    data = {"id": subject, "object": "webhook.test"}
    event = make_event(subject, event_type, clock.unix_time(), data)
    response = post_signed(endpoint, event.id, event.text, services.client, clock, pepper)
    if response.is_accepted:
        change_endpoint(services.table, endpoint, endpoints.add_success)
    return response
