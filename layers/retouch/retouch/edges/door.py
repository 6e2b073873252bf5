"""The front door: Lambda event -> resolver -> gateway -> Lambda response. Faults are caught here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from retouch import gateway
from retouch.edges.telemetry import Telemetry
from retouch.errors import Fault, InvalidRequest, MethodNotAllowed, NotFound
from retouch.gateway import House
from retouch.wire import event as wire_event
from retouch.wire.answer import Answer, failure, json_headers

ROUTES = {"/v1/images/edits": "POST", "/health": "GET"}
Handler = Callable[[Any, Any], Any]


def build(house: House, telemetry: Telemetry) -> Handler:
    """The Lambda handler of the edits function."""
    # Bodies come encoded; the resolver must not touch them again.
    app = APIGatewayRestResolver(serializer=lambda body: body)

    @app.post("/v1/images/edits")
    def edit() -> Response[Any]:
        started = house.clock.now()
        answer = guarded(app, house, telemetry)
        telemetry.record(answer.status, (house.clock.now() - started) * 1000, answer.facts)
        return response(answer)

    @app.get("/health")
    def health() -> Response[Any]:
        return Response(200, "application/json", '{"status":"ok"}', {"x-retouch-billed": "no"})

    @app.not_found
    def not_found(_: NotFoundError) -> Response[Any]:
        event = app.current_event
        return response(failure(lost(event.http_method, event.path), app_request_id(app)))

    def handler(event: Any, context: Any) -> Any:
        if not wire_event.is_http(event):
            return proxy(failure(InvalidRequest("The event is not an HTTP request."), ""))
        return app.resolve(as_v1(event), context)

    return handler


def guarded(app: APIGatewayRestResolver, house: House, telemetry: Telemetry) -> Answer:
    """The edit's answer; an unexpected exception becomes one bland sentence."""
    request_id = app_request_id(app)
    try:
        deadline = house.clock.now() + seconds_left(app.lambda_context, house)
        request = wire_event.inbound(app.current_event.raw_event)
        return gateway.edit(request, house, deadline, request_id)
    except Fault as fault:
        return failure(fault, request_id)
    except Exception:
        telemetry.crash(request_id)
        broken = Fault(
            "The gateway failed. The operator finds the reason in its log.", billed="unknown"
        )
        return failure(broken, request_id)


def seconds_left(context: Any, house: House) -> float:
    """The function's remaining time less a margin for the answer."""
    return float(context.get_remaining_time_in_millis()) / 1000 - house.settings.deadline_margin


def app_request_id(app: APIGatewayRestResolver) -> str:
    """The request's id: the front's own, never the caller's."""
    return str(app.current_event.raw_event["requestContext"].get("requestId") or "")


def lost(method: str, path: str) -> Fault:
    """Why no route was found."""
    allowed = ROUTES.get(path.rstrip("/"))
    if allowed:
        return MethodNotAllowed(f"{path} takes {allowed}, not {method}.")
    return NotFound(f"There is no {method} {path}. Image edits are at POST /v1/images/edits.")


def as_v1(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with what the resolver routes by, also where it came in the HTTP (v2) shape."""
    http = event["requestContext"].get("http") or {}
    path = str(event.get("path") or event.get("rawPath") or "/")
    return {
        **event,
        "path": path.rstrip("/") or "/",
        "httpMethod": event.get("httpMethod") or http.get("method") or "GET",
        "headers": wire_event.headers(event),
        "multiValueHeaders": {},
    }


def response(answer: Answer) -> Response[Any]:
    """An Answer as the resolver's Response, its body passed through to the runtime loop as it is.

    The resolver would turn bytes into base64; a memoryview of them it leaves alone, as it does an iterator.
    """
    headers = {k: v for k, v in answer.headers.items() if k != "Content-Type"}
    body = memoryview(answer.body) if isinstance(answer.body, bytes) else answer.body
    return Response(answer.status, answer.headers["Content-Type"], body, headers)


def proxy(answer: Answer) -> dict[str, Any]:
    """An Answer as a proxy response, for events that never reach the resolver."""
    return {
        "statusCode": answer.status,
        "headers": {**json_headers(""), **answer.headers},
        "body": memoryview(answer.body) if isinstance(answer.body, bytes) else answer.body,
        "isBase64Encoded": False,
    }
