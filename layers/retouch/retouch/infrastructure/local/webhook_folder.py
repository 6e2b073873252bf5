"""The queue of deliveries in the folder that the worker processes of one machine share."""

from __future__ import annotations

from retouch.core.errors import OrdersUnavailable, WebhooksUnavailable
from retouch.infrastructure.local.job_folder import EditsFolderQueue
from retouch.webhooks.messages import delivery_message

DELIVERIES_QUEUE = "deliveries"


class DeliveryFolderQueue:
    """The queue of deliveries of all processes that use the folder."""

    def __init__(self, folder: str) -> None:
        self._queue = EditsFolderQueue(folder, DELIVERIES_QUEUE)

    def send(self, scope: str, delivery_id: str) -> None:
        """Send a delivery to the senders."""
        try:
            self._queue.send(delivery_message(scope, delivery_id))
        except OrdersUnavailable as error:
            raise WebhooksUnavailable(
                "The queue of webhooks cannot be used. Send the request again.", retry_after=2
            ) from error

    def delay(self, receipt: str, seconds: int) -> None:
        """Deliver a received message again after this time."""
        self._queue.delay(receipt, seconds)
