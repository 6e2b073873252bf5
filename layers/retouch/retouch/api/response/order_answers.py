"""The answers of orders: what is stored of a result, and how a stored answer is sent to an equal request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from retouch.api.response import sse
from retouch.api.response.edit import render_http
from retouch.api.response.errors import Dialect, fault_from_exception
from retouch.api.response.headers import response_headers
from retouch.core.errors import Fault
from retouch.core.pricing import Cost
from retouch.gateway.orders.edit_order import EditOrder
from retouch.gateway.result import DeliveredEdit, EditResult, EditStream, StreamedImage
from retouch.gateway.results.delivery import DeliveredImage
from retouch.orders.order import StoredAnswer

# They belong to one request. An equal request gets its own.
_OWN_HEADERS = (
    "x-request-id",
    "traceparent",
    "x-portkey-trace-id",
    "x-retouch-budget-remaining-usd",
)
_REPEAT_NOTE = "A repetition of this request fetches the image that is paid for, and buys nothing."
_UNFETCHED_NOTE = (
    "n: the missing images may be paid for; the same request with the same key fetches all of them"
)


def render_answer(result: EditResult, dialect: Dialect) -> StoredAnswer:
    """Return a result, which is no stream, as it is stored."""
    unordered = replace(result, order=None)
    response = render_http(unordered, "", dialect)
    assert isinstance(response.body, bytes), "a stream is stored from its images"
    # Portkey's headers are stored too, because an equal request may send a header of Portkey's.
    all_headers = response_headers(unordered, "", "portkey")
    headers = {name: text for name, text in all_headers.items() if name not in _OWN_HEADERS}
    cost = response.log_fields.get("cost_usd", "")
    return StoredAnswer(
        response.status,
        headers,
        response.body,
        result.billing,
        cost,
        result.charge,
        result.tokens if result.attempt.budget else 0,
    )


def end_order(result: EditResult, order: EditOrder, dialect: Dialect) -> EditResult:
    """Store the end of the request's order, and return the result as it is sent. A stream stores it at its end."""
    outcome = result.outcome
    if isinstance(outcome, StoredAnswer):
        return replace(result, order=order.report())
    if isinstance(outcome, EditStream):
        order.begin()
        events = _recorded_events(outcome, result, order, dialect)
        return replace(result, outcome=replace(outcome, events=events), order=order.report())
    fault = outcome if isinstance(outcome, Fault) else None
    stored = order.end(fault, result.billing, lambda: render_answer(result, dialect))
    if stored:
        result = EditResult(stored)
    elif fault and order.is_released:
        result = _pending_result(result, fault)
    elif isinstance(outcome, DeliveredEdit) and order.is_released and order.has_key:
        result = replace(result, outcome=replace(outcome, notes=(*outcome.notes, _UNFETCHED_NOTE)))
    return replace(result, order=order.report())


def _pending_result(result: EditResult, fault: Fault) -> EditResult:
    """Return a failure whose image is paid for and can still be fetched."""
    outcome = fault.with_billing("unknown").with_free_repetition(_REPEAT_NOTE)
    return _replace_outcome(result, outcome)


def _replace_outcome(result: EditResult, outcome: DeliveredEdit | Fault) -> EditResult:
    """Return the result with the outcome of its last attempt, which was not known before."""
    routing = result.routing
    if routing and routing.attempts:
        *earlier, last = routing.attempts
        attempts = (*earlier, replace(last, billed=outcome.billed))
        routing = replace(routing, attempts=attempts)
    return replace(result, outcome=outcome, routing=routing)


def _recorded_events(
    stream: EditStream, result: EditResult, order: EditOrder, dialect: Dialect
) -> Iterator[StreamedImage | None]:
    """Yield the events of a stream, and store its images as the answer at its end.

    When the client leaves, the rest of the stream is still read, because the images are paid for.
    """
    images: list[StreamedImage] = []
    fault: Fault | None = None
    try:
        for event in stream.events:
            _collect_image(event, images)
            yield event
    except GeneratorExit:
        fault = _read_to_end(stream.events, images)
        raise
    except Exception as error:
        fault = fault_from_exception(error)
        raise
    finally:
        final = _replace_outcome(result, _stream_outcome(stream, images, fault))
        ended_with = final.outcome if isinstance(final.outcome, Fault) else None
        order.end(ended_with, final.outcome.billed, lambda: render_answer(final, dialect))


def _collect_image(event: StreamedImage | None, images: list[StreamedImage]) -> None:
    if event and event.partial_index is None:
        images.append(event)


def _read_to_end(
    events: Iterator[StreamedImage | None], images: list[StreamedImage]
) -> Fault | None:
    """Read the events that nobody waits for. Return the failure that ended them, or None."""
    try:
        for event in events:
            _collect_image(event, images)
    except Exception as error:
        return fault_from_exception(error)
    return None


def _total_cost(images: list[StreamedImage]) -> Cost | None:
    """Return the cost of all finished images of a stream, or None when one of them is not known."""
    costs = [one.cost for one in images if one.cost]
    if len(costs) < len(images):
        return None
    return Cost(sum(one.micro_dollars for one in costs), any(one.estimated for one in costs))


def _stream_outcome(
    stream: EditStream, images: list[StreamedImage], fault: Fault | None
) -> DeliveredEdit | Fault:
    """Return the finished images of a stream as the outcome of an edit without one, or its failure."""
    if not images:
        return fault or Fault("The stream ended without an image.", billed=stream.billed)
    metadata = {
        name: value
        for name, value in images[-1].image.metadata.items()
        if name in (*sse.ECHOED_PARAMS, "usage")
    }
    return DeliveredEdit(
        plan=stream.plan,
        created=stream.created,
        images=tuple(
            DeliveredImage(
                b64_json=one.image.to_base64(), revised_prompt=one.image.revised_prompt or ""
            )
            for one in images
        ),
        metadata=metadata,
        notes=(*stream.plan.notes, *(note for one in images for note in one.notes)),
        billed=stream.billed,
        cost=_total_cost(images),
        preserved_pixels=images[-1].preserved_pixels,
    )
