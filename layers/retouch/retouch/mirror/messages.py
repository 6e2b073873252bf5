"""Messages of the mirror's queue."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass

# The attributes of a message with the rest of a request, which the mirror itself sends.
TRIES_ATTRIBUTE, SENT_ATTRIBUTE = "retouch-tries", "retouch-sent"


@frozen_dataclass
class QueueMessage:
    """One SQS record.

    `receive_count` says how often its URLs were delivered, this time included. `sent_at_ms` says when they first
    entered the queue, in Unix milliseconds. For the rest of an earlier message, both include the earlier deliveries.
    """

    id: str
    body: str
    receipt_handle: str
    receive_count: int
    sent_at_ms: int
