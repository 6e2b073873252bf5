"""The front door: Lambda event -> resolver or direct invoke -> gateway -> what Lambda returns.

Faults are caught here, once. The resolver only routes; what a route does stands in `edges/routes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from retouch.edges.front import as_it_is, confess, cors, request_id, response
from retouch.edges.routes import ROUTES, Request, Route, edits
from retouch.edges.telemetry import EDIT, Telemetry
from retouch.errors import Fault, InvalidRequest, MethodNotAllowed, NotFound
from retouch.gateway import edit
from retouch.house import House, Order
from retouch.wire import direct
from retouch.wire import event as wire_event
from retouch.wire.answer import Answer, Pieces, as_fault, as_portkey, failure
from retouch.wire.caller import Caller
from retouch.wire.portkey import PREFIX, trace_of

Handler = Callable[[Any, Any], Any]


def build(house: House, warm: Callable[[], None], telemetry: Telemetry) -> Handler:
    """The Lambda handler of the edits function. `warm` starts whatever can be fetched in the background."""
    confess(house.settings, telemetry.logger)
    app = APIGatewayRestResolver(serializer=as_it_is, cors=cors(house.settings, house.providers))
    for (method, path), route in ROUTES.items():
        operation = EDIT if route is edits else f"{method} {path}"
        app.route(path, method=method)(at_door(app, house, telemetry, operation, route))

    @app.not_found
    def not_found(_: NotFoundError) -> Response[Any]:
        event = app.current_event
        return response(failure(lost(event.http_method, event.path), request_id(event)))

    def handler(event: Any, context: Any) -> Any:
        warm()
        if wire_event.is_http(event):
            return app.resolve(wire_event.as_v1(event), context)
        return invoked(event, context, house, telemetry)

    return handler


def at_door(
    app: APIGatewayRestResolver, house: House, telemetry: Telemetry, operation: str, route: Route
) -> Callable[[], Response[Any]]:
    """A resolver's route around one of ours."""

    def knock(**_: str) -> Response[Any]:  # a path's variable part; the path has it too
        event = app.current_event

        def answer() -> Answer:
            inbound = wire_event.inbound(event.raw_event)
            telemetry.follow(trace_of(inbound.headers) or request_id(event))
            query = event.query_string_parameters or {}
            deadline = deadline_of(app.lambda_context, house)
            return route(Request(inbound, query, request_id(event), deadline), house)

        work = Work(operation, request_id(event), answer)
        given = guarded(work, house, telemetry)
        named = wire_event.headers(event.raw_event)
        return response(as_portkey(given) if any(n.startswith(PREFIX) for n in named) else given)

    return knock


def invoked(event: Any, context: Any, house: House, telemetry: Telemetry) -> dict[str, Any]:
    """A direct invoke: the edit is the event, the answer the return value."""

    def answer() -> Answer:
        telemetry.follow(identity)
        if not direct.is_edit(event):
            raise InvalidRequest(
                "The event is neither an HTTP request nor an edit with 'prompt' and 'images'."
            )
        deadline = deadline_of(context, house)
        form = direct.form(event)
        order = Order(
            form, Caller(), identity, deadline, trusted=True, most_bytes=direct.MOST_BYTES
        )
        return edit(order, house)

    identity = str(getattr(context, "aws_request_id", ""))
    return direct.result(guarded(Work(EDIT, identity, answer), house, telemetry))


@dataclass(frozen=True, slots=True)
class Work:
    """Something to be answered, and what to call it in the log."""

    operation: str
    request_id: str
    answer: Callable[[], Answer]


def guarded(work: Work, house: House, telemetry: Telemetry) -> Answer:
    """The answer, or the Fault as one; an unexpected exception becomes one bland sentence.

    It is recorded when it is over: one that comes in pieces at its last.
    """
    started = house.clock.now()

    def over(ended: Answer) -> None:
        elapsed = (house.clock.now() - started) * 1000
        telemetry.record(work.operation, ended.status, elapsed, {**ended.facts, **bill(ended)})

    try:
        given = work.answer()
    except Exception as error:
        given = failure(as_fault(error), work.request_id)
    if isinstance(given.body, bytes):
        over(given)
        return given
    return replace(given, body=followed(given, given.body, over))


def followed(given: Answer, pieces: Pieces, over: Callable[[Answer], None]) -> Pieces:
    """The pieces, and `over` told at their end what the answer turned out to be, or that nobody read to the end."""
    ended: Answer | None = replace(given, facts={**given.facts, "left": True})
    try:
        ended = yield from pieces
    finally:
        over(ended or given)
    return ended


def bill(answer: Answer) -> dict[str, str]:
    """What the log says of the money."""
    named = {"billed": "x-retouch-billed", "cost_usd": "x-retouch-cost-usd"}
    return {fact: answer.headers[name] for fact, name in named.items() if name in answer.headers}


def deadline_of(context: Any, house: House) -> float:
    """The point on the clock's scale at which the function's time, less a margin for the answer, is over."""
    left = float(context.get_remaining_time_in_millis()) / 1000
    return house.clock.now() + left - house.settings.deadline_margin


def lost(method: str, path: str) -> Fault:
    """Why no route was found."""
    allowed = [taken for taken, known in ROUTES if known == path]
    if allowed:
        return MethodNotAllowed(
            f"{path} takes {' or '.join(allowed)}, not {method}.", allow=allowed
        )
    return NotFound(f"There is no {method} {path}. Image edits are at POST /v1/images/edits.")
