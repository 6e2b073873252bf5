"""The messages of batches: {"batch": "batch_...", "scope": "...", "wake": 1}. The batch says what comes next."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

import orjson

from retouch.api.endpoints.files import require_batches
from retouch.api.handlers.worker_context import WorkerContext
from retouch.api.stored_request import stored_context
from retouch.batches.batch import Batch
from retouch.batches.cancelling import abandon_batch
from retouch.batches.held_batch import HeldBatch, claim_batch, read_batch
from retouch.batches.steps import StepFunctions, run_steps
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.gateway.current_key import require_current_key
from retouch.gateway.orders.batch_events import emit_batch_event
from retouch.gateway.orders.batch_line import LinePrice, price_line
from retouch.gateway.orders.renewed_links import extend_links
from retouch.gateway.services import RequestContext
from retouch.orders.jobs import Pause, QueuedMessage
from retouch.tenants.budgets import budgets_of_key, budgets_of_virtual_key

_log = logging.getLogger("retouch")
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
        if held is None:
            _notify_end(message, worker)
        return held
    settings = services.settings_with_secrets()
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    lines = _BatchLines(held.batch, settings, worker)
    functions = StepFunctions(
        lines.price,
        lines.check_room,
        lines.only_model,
        lambda body, expires: extend_links(body, expires, pepper),
        lambda: clock.now() < worker.deadline,
    )
    worker.telemetry.set_trace_id(held.batch.id)
    run_steps(held, functions)
    _log.info("batch", extra={"status": held.batch.status, "lines": held.batch.lines})
    emit_batch_event(held.batch, services.load_webhooks, clock.unix_time())
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
    if not is_settled:
        return _HELD_PAUSE
    _notify_end(message, worker)
    return None


def _notify_end(message: QueuedMessage, worker: WorkerContext) -> None:
    """Queue the event of a batch that has ended. Its message comes again if this fails."""
    services = worker.services
    stores, now = require_batches(services), services.clock.unix_time()
    batch = read_batch(str(message["scope"]), str(message["batch"]), stores)
    emit_batch_event(batch, services.load_webhooks, now)


@frozen_dataclass
class _BatchLines:
    """The check of the lines of one batch."""

    batch: Batch
    settings: Settings
    worker: WorkerContext
    # By virtual key: the most that the lines may cost for which only this key can pay.
    virtual_key_totals: dict[str, LinePrice] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)

    def price(self, body: Mapping[str, Any]) -> int:
        """Return the most that the edit of a line may cost. Raises Fault."""
        try:
            price = price_line(self._context_of(body), self.worker.services)
        except InvalidRequest as error:
            if error.code in _IMAGE_CODES:
                return 0
            raise
        self.models.add(price.model)
        if price.payer:
            others = self.virtual_key_totals.get(price.payer.budget_name, LinePrice(0))
            total = replace(price, amount=others.amount + price.amount)
            self.virtual_key_totals[price.payer.budget_name] = total
        return price.amount

    def only_model(self) -> str:
        """Return the model of all lines, or an empty text when they may be made by several."""
        return next(iter(self.models)) if len(self.models) == 1 else ""

    def check_room(self, worst_cost: int) -> None:
        """Raise Fault when the key that made the batch is revoked, or when a budget has less left than this."""
        services = self.worker.services
        key = self._context_of({"images": []}).principal.key
        key = require_current_key(key, services) if key else None
        if not self.virtual_key_totals and not (key and key.has_budgets):
            return
        from retouch.gateway.budgets.batch_budget import check_room  # most keys have no budget

        now = services.clock.unix_time()
        check_room(worst_cost, budgets_of_key(key, now), services)
        for total in self.virtual_key_totals.values():
            check_room(total.amount, budgets_of_virtual_key(total.payer, now), services)

    def _context_of(self, body: Mapping[str, Any]) -> RequestContext:
        data = b"%b\n%b" % (self.batch.head.encode(), orjson.dumps(body))
        worker = self.worker
        return stored_context(data, self.batch.id, worker.deadline, self.settings, worker.services)
