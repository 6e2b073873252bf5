"""The messages of batches: {"batch": "batch_...", "scope": "...", "wake": 1}. The batch says what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from retouch.api.endpoints.files import require_batches
from retouch.api.handlers.worker_context import WorkerContext
from retouch.api.stored_request import stored_context
from retouch.batches.batch import Batch
from retouch.batches.cancelling import abandon_batch
from retouch.batches.held_batch import HeldBatch, claim_batch
from retouch.batches.steps import run_steps
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.gateway.batch_line import price_line
from retouch.gateway.renewed_links import extend_links
from retouch.orders.jobs import Pause, QueuedMessage

# Only the edit itself judges an image, so such an image is an error of its line.
_IMAGE_CODES = ("invalid_base64",)
_HELD_PAUSE = Pause(60)  # until a dead letter asks again whether its batch is free


def run_batch(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """Do the steps of a batch until it must wait or the time is over. Its message may be deleted then.

    Raises OrdersUnavailable.
    """
    services = worker.services
    stores, clock = require_batches(services), services.clock
    held = claim_batch(
        str(message["scope"]),
        str(message["batch"]),
        int(message["wake"]),
        worker.request_id,
        worker.lease_seconds,
        stores,
        clock,
    )
    if not isinstance(held, HeldBatch):
        return held
    settings = services.settings_with_secrets()
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    run_steps(
        held,
        _LinePricing(held.batch, settings, worker).price,
        lambda body, expires: extend_links(body, expires, pepper),
        lambda: clock.now() < worker.deadline,
    )
    return None


def abandon_step(message: QueuedMessage, worker: WorkerContext) -> Pause | None:
    """Go on with the batch of a message that was received too often."""
    services = worker.services
    is_settled = abandon_batch(
        str(message["scope"]),
        str(message["batch"]),
        require_batches(services),
        services.clock.unix_time(),
    )
    return None if is_settled else _HELD_PAUSE


@frozen_dataclass
class _LinePricing:
    """The check of the lines of one batch."""

    batch: Batch
    settings: Settings
    worker: WorkerContext

    def price(self, body: Mapping[str, Any]) -> int:
        """Return the highest price of the edit of a line. Raises Fault."""
        data = b"%b\n%b" % (self.batch.head.encode(), orjson.dumps(body))
        services, deadline = self.worker.services, self.worker.deadline
        try:
            context = stored_context(data, self.batch.id, deadline, self.settings, services)
            return price_line(context, services)
        except InvalidRequest as error:
            if error.code in _IMAGE_CODES:
                return 0
            raise
