"""The usage events of one request: one for each attempt, written when the answer is known and beside the response."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

from retouch.core.concurrency.pending_writes import start_write
from retouch.core.errors import Fault
from retouch.gateway.attempt import Attempt
from retouch.gateway.metering.usage_fields import (
    AttemptCost,
    attempt_price,
    failure_cost,
    picture_fields,
    stream_cost,
    stream_fields,
    success_cost,
)
from retouch.gateway.metering.usage_notes import UsageNotes
from retouch.gateway.provider_call.attempt_log import AttemptLog
from retouch.gateway.result import (
    AttemptReport,
    AttemptResult,
    DeliveredEdit,
    EditPreview,
    EditResult,
    EditStream,
    StreamedImage,
)
from retouch.gateway.services import RequestContext, Services
from retouch.orders.order import order_id, random_order_key
from retouch.tenants.keys import DEFAULT_WORKSPACE
from retouch.tenants.limits import AT_COST
from retouch.usage.event import UsageEvent, limit_metadata
from retouch.usage.order_lines import UsageLine

# The attempts of the second claim of an order count from 101, so that no two attempts of an order have one number.
_ATTEMPTS_PER_CLAIM = 100
_USER_DIGITS = 24
_USER_METADATA = "_user"  # Portkey's name


class RequestMeter:
    """Collects the attempts of one request, and writes their events at its end."""

    def __init__(self, context: RequestContext, services: Services) -> None:
        self._context, self._services = context, services
        self._started = services.clock.now()
        self._shared = self._shared_fields()
        self._lines: list[UsageLine] = []
        self._notes: UsageNotes | None = None  # None: no order keeps the usage
        self._log: AttemptLog | None = None  # of the last attempt

    def measure(self, attempt: Attempt, run: Callable[[], AttemptResult]) -> AttemptResult:
        """Run an attempt, and keep its event. A dry run is no attempt. A stream ends later than its attempt."""
        event, started = self._new_event(), self._services.clock.now()
        self._log = attempt.log
        if notes := self._order_notes():
            notes.begin_attempt(lambda: self._draft_line(event, attempt))
        result = run()
        if not isinstance(result.outcome, EditPreview):
            seconds = self._services.clock.now() - started
            event = replace(
                event,
                **_target_fields(attempt, result.report),
                ms=round(seconds * 1000),
                provider_ms=round(attempt.log.provider_seconds * 1000),
            )
            self._lines.append(self._line(self._add_outcome(event, result.outcome)))
        if notes:
            notes.set_lines(self._lines)
        return result

    def end(self, result: EditResult) -> EditResult:
        """Write the events of the request, and return its result. A stream writes them at its end."""
        if isinstance(result.outcome, EditStream):
            events = self._metered_images(result.outcome, result)
            return replace(result, outcome=replace(result.outcome, events=events))
        if isinstance(result.outcome, Fault) and not self._lines:
            self._add_refusal(result.outcome)
        self._write(result)
        return self._add_price(result)

    def _add_price(self, result: EditResult) -> EditResult:
        """Return the result with what the workspace is charged, if that is not what the provider takes."""
        if not isinstance(result.outcome, DeliveredEdit) or self._workspace.price == AT_COST:
            return result
        event = self._lines[-1].event
        return replace(result, price=event.price) if event.price else result

    def _order_notes(self) -> UsageNotes | None:
        """Return the notes of the order that the request holds, or None."""
        held = self._context.held_order
        if held and self._notes is None:
            self._notes = UsageNotes(held.order.usage, is_resumed=held.is_resumed)
            held.usage_notes = self._notes
        return self._notes

    def _draft_line(self, event: UsageEvent, attempt: Attempt) -> UsageLine:
        """Return an attempt under way, as it counts if nobody learns its outcome."""
        event = replace(event, **_target_fields(attempt, attempt.log.report()))
        unknown = Fault("", billed="unknown")
        draft = self._add_outcome(event, unknown)
        return self._line(replace(draft, status=0, code="", blame=""))

    def _line(self, event: UsageEvent) -> UsageLine:
        price, budget = self._workspace.price, self._log.budget if self._log else None
        held = budget.held if budget else None
        return UsageLine(event, price.multiplier, price.per_picture, held)

    def _add_refusal(self, fault: Fault) -> None:
        """Add the failure of a request that reached no target."""
        milliseconds = round((self._services.clock.now() - self._started) * 1000)
        event = replace(self._new_event(), ms=milliseconds)
        self._lines.append(self._line(self._add_outcome(event, fault)))

    def _new_event(self) -> UsageEvent:
        held = self._context.held_order
        earlier = (held.order.fence - 1) * _ATTEMPTS_PER_CLAIM if held else 0
        now = self._services.clock.unix_time()
        order = held.order.id if held else self._shared.get("order", "")
        if not order:
            order = self._shared["order"] = order_id(random_order_key(), now)
        fields = {**self._shared, "order": order}
        return UsageEvent(time=now, attempt=earlier + len(self._lines) + 1, **fields)

    def _add_outcome(self, event: UsageEvent, outcome: Any) -> UsageEvent:
        if isinstance(outcome, Fault):
            plan = self._log.plan if self._log else None
            amount = failure_cost(outcome, plan)
            event = replace(
                event,
                status=outcome.status,
                code=outcome.gateway_code or "",
                blame=outcome.blame,
                billed=outcome.billed,
            )
        elif isinstance(outcome, DeliveredEdit):
            amount = success_cost(outcome)
            event = replace(event, status=200, billed=outcome.billed, **picture_fields(outcome))
        else:  # a stream, until its end
            return replace(event, status=200, billed=outcome.billed)
        return self._add_amount(event, amount)

    def _add_amount(self, event: UsageEvent, amount: AttemptCost) -> UsageEvent:
        budget, charge = (self._log.budget, self._log.charge) if self._log else (None, None)
        price = attempt_price(event, amount, self._workspace.price, budget, charge)
        return replace(
            event,
            cost=amount.cost,
            price=price,
            at_risk=price if amount.is_at_risk else 0,
            overrun=max(0, price - budget.held) if budget else 0,
            is_estimated=amount.is_estimated,
            is_unpriced=amount.is_unpriced,
        )

    def _metered_images(
        self, stream: EditStream, result: EditResult
    ) -> Iterator[StreamedImage | None]:
        """Yield the events of a stream. When its reader leaves, read the rest, because the images are paid for."""
        images: list[StreamedImage] = []
        fault: Fault | None = None
        try:
            yield from _collect_finished(stream.events, images)
        except GeneratorExit:
            for _ in _collect_finished(stream.events, images):
                pass
            raise
        except Fault as error:
            fault = error
            raise
        finally:
            self._end_stream(stream, images, fault)
            self._write(result)

    def _end_stream(
        self, stream: EditStream, images: list[StreamedImage], fault: Fault | None
    ) -> None:
        milliseconds = round((self._services.clock.now() - self._started) * 1000)
        event = replace(self._lines[-1].event, ms=milliseconds, provider_ms=milliseconds)
        if images:
            event = replace(event, **stream_fields(images, stream.plan))
            event = self._add_amount(event, stream_cost(images, stream.billed))
        else:
            failure = fault or Fault("The stream ended without an image.", billed=stream.billed)
            event = self._add_outcome(event, failure)
        self._lines[-1] = self._line(event)

    def _write(self, result: EditResult) -> None:
        """Start to write the events. The order keeps them until they are known to be in the table."""
        lines = self._lines_to_write(result)
        notes, recorder = self._order_notes(), self._services.usage
        if notes:
            notes.set_lines(lines)
        if not lines or recorder is None or (notes and notes.is_left_to_sweeper):
            return
        events = [line.event for line in lines]

        def write() -> None:
            recorder.write(events)

        written = start_write(write)
        if notes:
            notes.set_write(written)

    def _lines_to_write(self, result: EditResult) -> list[UsageLine]:
        """Return the lines to write. The operator may want only a part of the failures that cost nothing."""
        if not self._lines:
            return []
        *earlier, last = (line.event for line in self._lines)
        events = [replace(event, is_final=False) for event in earlier]
        events.append(replace(last, rescue=_rescue(last, result)))
        share, clock = self._context.settings.usage_free_errors, self._services.clock
        is_dropped = share < 1 and clock.random_fraction() >= share
        return [
            replace(line, event=event)
            for line, event in zip(self._lines, events, strict=True)
            if not (is_dropped and event.is_error and event.billed == "no")
        ]

    @property
    def _workspace(self) -> Any:
        key = self._context.principal.key
        return key.workspace if key else DEFAULT_WORKSPACE

    def _shared_fields(self) -> dict[str, Any]:
        """Return the fields of an event that all attempts of the request have."""
        context, portkey = self._context, self._context.portkey
        key = context.principal.key
        metadata = dict(portkey.metadata)
        user = metadata.pop(_USER_METADATA, None) or context.form.values.get("user") or ""
        return {
            "workspace": self._workspace.id,
            "key_id": key.id if key else "",
            "config": portkey.config if isinstance(portkey.config, str) else "",
            "trace": portkey.trace_id,
            "user": self._user_hash(str(user)),
            "metadata": limit_metadata(metadata),
            "source": self._source(),
        }

    def _user_hash(self, user: str) -> str:
        """Return a name for the user that says nothing about it without the pepper."""
        if not user:
            return ""
        pepper = self._context.settings.environment.get("RETOUCH_PEPPER", "")
        text = f"user\n{self._workspace.id}\n{user}"
        return hmac.new(pepper.encode(), text.encode(), sha256).hexdigest()[:_USER_DIGITS]

    def _source(self) -> str:
        if self._context.job:
            return self._context.job.order.source
        return "direct" if self._context.principal.is_operator else "http"


def _collect_finished(
    events: Iterator[StreamedImage | None], images: list[StreamedImage]
) -> Iterator[StreamedImage | None]:
    """Yield the events of a stream, and add its finished images to the list."""
    for event in events:
        if event and event.partial_index is None:
            images.append(event)
        yield event


def _rescue(last: UsageEvent, result: EditResult) -> str:
    """Return how a success came after failures: by a retry at the same target, or at another target."""
    routing = result.routing
    if last.is_error or routing is None or len(routing.attempts) < 2:
        return ""
    if routing.retries > 0:
        return f"retry-{routing.retries}"
    return "fallback"


def _target_fields(attempt: Attempt, report: AttemptReport) -> dict[str, Any]:
    target = attempt.target
    return {
        "target": target.target.path,
        "provider": report.provider,
        "model": report.model,
        "cache": report.cache_status,
        "virtual_key": target.payer.virtual_key,
        "payer": "caller" if target.payer.is_caller else "operator",
    }
