"""The front door: Lambda event -> resolver or direct invoke -> gateway -> what Lambda returns.

Faults are caught here, once. The resolver only routes; what a route does stands in `edges/routes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from retouch.api.cors import cors_config
from retouch.api.events import direct_invoke
from retouch.api.events import http as wire_event
from retouch.api.powertools import (
    api_gateway_request_id,
    passthrough_serializer,
    to_powertools_response,
    warn_about_open_settings,
)
from retouch.api.request.portkey_headers import read_trace_id
from retouch.api.response.errors import error_response, fault_from_exception, to_portkey_error
from retouch.api.routes import ROUTES, Endpoint, EndpointRequest, create_edit
from retouch.core.credentials import ClientCredentials
from retouch.core.errors import Fault, InvalidRequest, MethodNotAllowed, NotFound
from retouch.core.http import BodyStream, HttpResponse
from retouch.core.portkey import PORTKEY_PREFIX
from retouch.gateway.pipeline import edit_image
from retouch.gateway.services import RequestContext, Services
from retouch.infrastructure.telemetry import EDIT_OPERATION, Telemetry

Handler = Callable[[Any, Any], Any]


def build_handler(
    services: Services, start_prefetch: Callable[[], None], telemetry: Telemetry
) -> Handler:
    """The Lambda handler of the edits function. `warm` starts whatever can be fetched in the background."""
    warn_about_open_settings(services.settings, telemetry.logger)
    app = APIGatewayRestResolver(
        serializer=passthrough_serializer, cors=cors_config(services.settings, services.providers)
    )
    for (method, path), route in ROUTES.items():
        operation = EDIT_OPERATION if route is create_edit else f"{method} {path}"
        app.route(path, method=method)(adapt_route(app, services, telemetry, operation, route))

    @app.not_found
    def not_found(_: NotFoundError) -> Response[Any]:
        event = app.current_event
        return to_powertools_response(
            error_response(
                route_not_found(event.http_method, event.path), api_gateway_request_id(event)
            )
        )

    def handler(event: Any, context: Any) -> Any:
        start_prefetch()
        if wire_event.is_http_event(event):
            return app.resolve(wire_event.to_v1_event(event), context)
        return handle_direct_invoke(event, context, services, telemetry)

    return handler


def adapt_route(
    app: APIGatewayRestResolver,
    services: Services,
    telemetry: Telemetry,
    operation: str,
    route: Endpoint,
) -> Callable[[], Response[Any]]:
    """A resolver's route around one of ours."""

    def endpoint(**_: str) -> Response[Any]:  # a path's variable part; the path has it too
        event = app.current_event

        def respond() -> HttpResponse:
            http_request = wire_event.to_http_request(event.raw_event)
            telemetry.set_trace_id(
                read_trace_id(http_request.headers) or api_gateway_request_id(event)
            )
            query = event.query_string_parameters or {}
            deadline = request_deadline(app.lambda_context, services)
            return route(
                EndpointRequest(http_request, query, api_gateway_request_id(event), deadline),
                services,
            )

        invocation = Invocation(operation, api_gateway_request_id(event), respond)
        http_response = run_and_record(invocation, services, telemetry)
        headers = wire_event.read_headers(event.raw_event)
        return to_powertools_response(
            to_portkey_error(http_response)
            if any(header_name.startswith(PORTKEY_PREFIX) for header_name in headers)
            else http_response
        )

    return endpoint


def handle_direct_invoke(
    event: Any, lambda_context: Any, services: Services, telemetry: Telemetry
) -> dict[str, Any]:
    """A direct invoke: the edit is the event, the answer the return value."""

    def respond() -> HttpResponse:
        telemetry.set_trace_id(invocation_id)
        if not direct_invoke.is_edit_event(event):
            raise InvalidRequest(
                "The event is neither an HTTP request nor an edit with 'prompt' and 'images'."
            )
        deadline = request_deadline(lambda_context, services)
        form = direct_invoke.form_from_event(event)
        context = RequestContext(
            form,
            ClientCredentials(),
            invocation_id,
            deadline,
            iam_authorized=True,
            max_response_bytes=direct_invoke.MAX_RESPONSE_BYTES,
        )
        return edit_image(context, services)

    invocation_id = str(getattr(lambda_context, "aws_request_id", ""))
    return direct_invoke.invocation_result(
        run_and_record(Invocation(EDIT_OPERATION, invocation_id, respond), services, telemetry)
    )


@dataclass(frozen=True, slots=True)
class Invocation:
    """Something to be answered, and what to call it in the log."""

    operation: str
    request_id: str
    run: Callable[[], HttpResponse]


def run_and_record(
    invocation: Invocation, services: Services, telemetry: Telemetry
) -> HttpResponse:
    """The answer, or the Fault as one; an unexpected exception becomes one bland sentence.

    It is recorded when it is over: one that comes in pieces at its last.
    """
    started = services.clock.now()

    def record(final_response: HttpResponse) -> None:
        elapsed = (services.clock.now() - started) * 1000
        telemetry.record_request(
            invocation.operation,
            final_response.status,
            elapsed,
            {**final_response.log_fields, **billing_log_fields(final_response)},
        )

    try:
        http_response = invocation.run()
    except Exception as error:
        http_response = error_response(fault_from_exception(error), invocation.request_id)
    if isinstance(http_response.body, bytes):
        record(http_response)
        return http_response
    return replace(
        http_response, body=record_at_end_of_stream(http_response, http_response.body, record)
    )


def record_at_end_of_stream(
    http_response: HttpResponse, stream: BodyStream, record: Callable[[HttpResponse], None]
) -> BodyStream:
    """The pieces, and `over` told at their end what the answer turned out to be, or that nobody read to the end."""
    final_response: HttpResponse | None = replace(
        http_response, log_fields={**http_response.log_fields, "left": True}
    )
    try:
        final_response = yield from stream
    finally:
        record(final_response or http_response)
    return final_response


def billing_log_fields(http_response: HttpResponse) -> dict[str, str]:
    """What the log says of the money."""
    header_names = {"billed": "x-retouch-billed", "cost_usd": "x-retouch-cost-usd"}
    return {
        field_name: http_response.headers[header_name]
        for field_name, header_name in header_names.items()
        if header_name in http_response.headers
    }


def request_deadline(lambda_context: Any, services: Services) -> float:
    """The point on the clock's scale at which the function's time, less a margin for the answer, is over."""
    remaining = float(lambda_context.get_remaining_time_in_millis()) / 1000
    return services.clock.now() + remaining - services.settings.deadline_margin


def route_not_found(method: str, path: str) -> Fault:
    """Why no route was found."""
    allowed = [allowed_method for allowed_method, known_path in ROUTES if known_path == path]
    if allowed:
        return MethodNotAllowed(
            f"{path} takes {' or '.join(allowed)}, not {method}.", allow=allowed
        )
    return NotFound(f"There is no {method} {path}. Image edits are at POST /v1/images/edits.")
