"""The usage events that an order owes after its holder has ended: the sweeper writes them.

The record of an order names the attempts whose events may be missing. What the order and its answer say completes them.
When it becomes known what an attempt at risk has cost, an event of its own corrects it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.pricing import MICRO_DOLLARS
from retouch.core.text.fast_json import loads
from retouch.core.usage import token_counts
from retouch.gateway.metering.usage_fields import token_fields
from retouch.gateway.metering.usage_notes import mark_written
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.stores import OrderStores
from retouch.tenants.limits import WorkspacePrice
from retouch.usage.event import UsageEvent
from retouch.usage.order_lines import UsageLine, decode_lines, encode_lines
from retouch.usage.recorder import UsageRecorder
from retouch.usage.rollup import is_closed

# The corrections of the attempts of one claim, which has fewer than 50 attempts.
_CORRECTION_OFFSET = 50
_UNKNOWN_STATUS, _UNKNOWN_CODE = 502, "order_outcome_unknown"
_CORRECTION_SOURCE = "adjustment"


@frozen_dataclass
class OrderUsage:
    """Writes the usage of orders whose holders have ended."""

    recorder: UsageRecorder

    def write(self, order: Order, answer: StoredAnswer | None, now: int) -> str:
        """Write the events that the order owes, and return what its record keeps. Raises UsageUnavailable.

        An event of a closed day gets the present time first. It is written when the record has that time.
        """
        owed, at_risk = owed_events(order, answer, decode_lines(order.usage))
        late = [line for line in owed if is_closed(line.event.day, now)]
        if late:
            moved = [replace(line, event=replace(line.event, time=now)) for line in late]
            kept = [line for line in owed if line not in late]
            return encode_lines([*kept, *moved, *at_risk])
        is_new = self.recorder.write([line.event for line in owed])
        # The holder may have written an event before it ended, and then it knew more.
        lines = [
            line if new else replace(line, event=self.recorder.read(line.event))
            for line, new in zip(owed, is_new, strict=True)
        ]
        risky = [mark_written(line) for line in lines if line.event.at_risk > 0]
        return encode_lines([*at_risk, *risky])


def owed_events(
    order: Order, answer: StoredAnswer | None, lines: Sequence[UsageLine]
) -> tuple[list[UsageLine], list[UsageLine]]:
    """Return the events to write, complete, and those at risk that stay so."""
    pending = [complete_line(one, order, answer) for one in lines if not one.is_written]
    at_risk = [one for one in lines if one.is_written]
    if not at_risk or not is_decided(order):
        return pending, at_risk
    by_id = {one.event.id: one for one in pending}
    corrections = []
    for line in at_risk:
        actual = by_id.pop(line.event.id, None)
        if actual is None and pending:
            actual = replace(line, event=replace(line.event, cost=0, price=0))  # bought again
        corrections.append(
            correction(line, actual or _actual_line(line, order, answer), order.ended)
        )
    return [*by_id.values(), *corrections], []


def is_decided(order: Order) -> bool:
    """Return whether it is known what the last attempt of the order has cost."""
    return order.state in ("done", "open", "cancelled") and order.billed != "unknown"


def complete_line(line: UsageLine, order: Order, answer: StoredAnswer | None) -> UsageLine:
    """Return the line with the outcome of its attempt, if its holder did not know it."""
    event = line.event
    if event.status:
        return line
    if order.state == "done" and order.billed != "unknown":
        return _actual_line(line, order, answer)
    if order.state in ("open", "queued", "cancelled"):
        return replace(line, event=_free_event(event))
    status, code = _UNKNOWN_STATUS, _UNKNOWN_CODE
    return replace(line, event=replace(event, status=status, code=code, blame="gateway"))


def correction(line: UsageLine, actual: UsageLine, time: int) -> UsageLine:
    """Return the event that turns what was written into what it really was. Its id is always the same."""
    written, right = line.event, actual.event
    event = UsageEvent(
        workspace=written.workspace,
        time=time,
        order=written.order,
        attempt=written.attempt + _CORRECTION_OFFSET,
        status=right.status,
        provider=written.provider,
        model=written.model,
        operation=written.operation,
        billed=right.billed,
        cost=right.cost - written.cost,
        price=right.price - written.price,
        at_risk=-written.at_risk,
        pictures=right.pictures - written.pictures,
        payer=written.payer,
        key_id=written.key_id,
        virtual_key=written.virtual_key,
        config=written.config,
        trace=written.trace,
        user=written.user,
        metadata=written.metadata,
        source=_CORRECTION_SOURCE,
        adjusts=written.order,
    )
    return replace(line, event=event, is_written=False)


def _actual_line(line: UsageLine, order: Order, answer: StoredAnswer | None) -> UsageLine:
    """Return the line with what the ended order says about its attempt."""
    status = order.status or line.event.status or _UNKNOWN_STATUS
    event = replace(line.event, status=status, at_risk=0)
    if order.billed == "no":
        return replace(line, event=_free_event(event))
    event = replace(event, billed=order.billed, **_answer_fields(answer))
    cost = _micro_dollars(order.cost)
    if cost is None:
        price = event.price if line.held is None else line.held
        return replace(line, event=replace(event, price=price))
    is_estimated = order.cost.endswith("estimated")
    price = _price(line, order, cost, event.pictures)
    return replace(line, event=replace(event, cost=cost, price=price, is_estimated=is_estimated))


def _price(line: UsageLine, order: Order, cost: int, pictures: int) -> int:
    if line.event.payer == "caller" and line.held is None:
        return 0
    told = _micro_dollars(order.caller_cost)
    if told is not None:
        return told
    if line.held is not None:
        return order.price or cost  # as its budgets were charged
    return WorkspacePrice(line.multiplier, line.per_picture).apply_to(cost, pictures)


def _free_event(event: UsageEvent) -> UsageEvent:
    return replace(event, status=event.status or 500, billed="no", cost=0, price=0, at_risk=0)


def _answer_fields(answer: StoredAnswer | None) -> dict[str, Any]:
    """Return the pictures and the tokens of an answer."""
    if answer is None or answer.status != 200:
        return {}
    try:
        document = loads(answer.body)
    except ValueError:  # the text of a slow failure
        return {}
    images = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(images, list):
        return {}
    return {"pictures": len(images), **token_fields(token_counts(document.get("usage")))}


def _micro_dollars(text: str) -> int | None:
    """Return the amount of a text such as "0.0412" or "0.04 estimated", or None for an empty one."""
    return round(float(text.split()[0]) * MICRO_DOLLARS) if text else None


def add_usage(orders: OrderStores | None, recorder: UsageRecorder | None) -> OrderStores | None:
    """Return the stores of orders with what writes their usage, for the sweeper."""
    if orders is None or recorder is None:
        return orders
    return replace(orders, usage=OrderUsage(recorder))
