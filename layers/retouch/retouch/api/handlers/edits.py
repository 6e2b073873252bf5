"""The handler of the edits function: a Lambda event goes in, and what Lambda returns comes out.

Faults are caught here, once. `retouch.api.routes` says what each route does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from logging import Logger
from typing import Any, Protocol

from retouch.api.cors import cors_policy
from retouch.api.edit_context import event_context
from retouch.api.endpoint_request import Caller, EndpointRequest, authenticate_caller
from retouch.api.events import direct_invoke
from retouch.api.events import http as http_event
from retouch.api.request.credentials import read_gateway_key
from retouch.api.request.portkey_headers import read_trace_id
from retouch.api.response import edit as edit_response
from retouch.api.response.errors import Dialect, error_response, fault_from_exception
from retouch.api.response.log_fields import log_fields
from retouch.api.response.order_answers import end_order
from retouch.api.router import HttpEvent, Responder, Router
from retouch.api.routes import EDIT_ROUTES, ROUTES, Route, allowed_methods
from retouch.api.startup_warnings import warn_about_open_settings
from retouch.core.clock import Clock
from retouch.core.errors import Fault, MethodNotAllowed, NotFound
from retouch.core.frozen_dataclass import replace
from retouch.core.http_response import BodyStream, HttpResponse
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.gateway.authentication import Principal
from retouch.gateway.pipeline import edit_image
from retouch.gateway.result import EditResult
from retouch.gateway.services import Services

EDIT_OPERATION = "edit"
_LINKS_PATH = "/v1/files"  # a link needs no key, so a part of a link needs none either
Handler = Callable[[Any, Any], Any]


class Telemetry(Protocol):
    """Logs and metrics, as the handler uses them."""

    logger: Logger

    def set_trace_id(self, trace_id: str) -> None:
        """Put the trace id on every log line of this request."""

    def set_caller(self, log_fields: Mapping[str, str]) -> None:
        """Put the caller's key and workspace on every further log line of this request."""

    def record_request(
        self, operation: str, status: int, milliseconds: float, log_fields: Mapping[str, Any]
    ) -> None:
        """Record one finished request."""


def build_handler(
    services: Services, start_prefetch: Callable[[], None], telemetry: Telemetry
) -> Handler:
    """Return the Lambda handler. `start_prefetch` starts to fetch data in the background."""
    warn_about_open_settings(services.settings, telemetry.logger)
    router = Router(
        {
            (method, path): responder_for_route(
                services,
                telemetry,
                EDIT_OPERATION if path in EDIT_ROUTES else f"{method} {path}",
                route,
            )
            for (method, path), route in ROUTES.items()
        },
        lambda request: respond_not_found(request, services),
        cors_policy(services.settings, services.providers),
    )

    def handler(event: Any, context: Any) -> Any:
        start_prefetch()
        if http_event.is_http_event(event):
            return router.respond(HttpEvent(http_event.to_v1_event(event, is_route), context))
        if isinstance(event, list):
            item = direct_invoke.require_pipe_item(event)
            return [handle_direct_invoke(item, context, services, telemetry)]
        return handle_direct_invoke(event, context, services, telemetry)

    return handler


def responder_for_route(
    services: Services, telemetry: Telemetry, operation: str, route: Route
) -> Responder:
    """Return the router's function for a route. It authenticates the caller before it reads the request."""

    def respond_to_request(request: HttpEvent) -> HttpResponse:
        dialect = dialect_of(request.headers)
        telemetry.set_trace_id(read_trace_id(request.headers) or request.request_id)
        recorder = Recorder(operation, services.clock, telemetry)
        try:
            _reject_empty_link(request)
            caller = (
                authenticate_caller(request.headers, services)
                if route.needs_key
                else Caller(Principal(), services.settings)
            )
            telemetry.set_caller(caller.principal.log_fields)
            caller.principal.require_scope(route.scope)
            response = route.endpoint(
                endpoint_request(request, caller, dialect, services), services
            )
        except Exception as error:
            fault = fault_from_exception(error)
            response = error_response(fault, request.request_id, dialect)
        # API Gateway sends a HEAD response with the length of this body, and without the body.
        return recorder.record_response(response)

    return respond_to_request


def _reject_empty_link(request: HttpEvent) -> None:
    """Raise NotFound for a link without its token. Its path is that of the list of files, which needs a key."""
    requested_path = str(request.event["requestContext"]["path"])
    is_link = requested_path.endswith(f"{_LINKS_PATH}/") and request.method in ("GET", "HEAD")
    if is_link and read_gateway_key(request.headers) is None:
        raise NotFound("There is no such file: the link is incomplete.")


def endpoint_request(
    request: HttpEvent, caller: Caller, dialect: Dialect, services: Services
) -> EndpointRequest:
    """Return the request for its endpoint. Raises InvalidRequest or TooLarge for its body."""
    return EndpointRequest(
        http_event.to_http_request(request.event),
        request.query,
        request.request_id,
        request_deadline(request.lambda_context, services),
        caller,
        dialect,
    )


def respond_not_found(request: HttpEvent, services: Services) -> HttpResponse:
    """Return the error of a request that no route takes. Only a caller with a key learns which routes there are."""
    try:
        if not request.path.startswith(_LINKS_PATH):
            authenticate_caller(request.headers, services)
        fault = route_not_found(request.method, request.path)
    except Exception as error:
        fault = fault_from_exception(error)
    return error_response(fault, request.request_id)


def handle_direct_invoke(
    event: Any, lambda_context: Any, services: Services, telemetry: Telemetry
) -> dict[str, Any]:
    """Run a direct invoke: the event is the edit, and the return value is the response.

    Raises UnknownEvent for an event that is no edit, and EditFailed for a failure if the event asks for it.
    """
    direct_invoke.require_edit_event(event)
    invocation_id = str(getattr(lambda_context, "aws_request_id", ""))
    recorder = Recorder(EDIT_OPERATION, services.clock, telemetry)
    telemetry.set_trace_id(invocation_id)
    is_raised = False
    try:
        is_raised = direct_invoke.must_raise(event)
        result = _edit_from_event(event, invocation_id, lambda_context, services)
    except Exception as error:
        result = EditResult(fault_from_exception(error))
    recorder.record(result.status, log_fields(result))
    response = edit_response.render_invocation(result)
    envelope = response.get("error")
    if is_raised and envelope:
        code = envelope.get("code") or "internal_error"
        raise direct_invoke.EditFailed(code, envelope["message"], response["retouch"]["billed"])
    return response


def _edit_from_event(
    event: Any, invocation_id: str, lambda_context: Any, services: Services
) -> EditResult:
    context = event_context(
        event,
        Principal(is_operator=True),
        invocation_id,
        request_deadline(lambda_context, services),
        services.settings_with_secrets(),
    )
    order = direct_invoke.event_order(event, services)
    context = replace(context, max_response_bytes=direct_invoke.MAX_RESPONSE_BYTES, order=order)
    result = edit_image(context, services)
    return end_order(result, order, "openai-api") if order else result


class Recorder:
    """Records one request when it is over. A streamed response is over when its last byte was read."""

    def __init__(self, operation: str, clock: Clock, telemetry: Telemetry) -> None:
        self._operation, self._telemetry, self._clock = operation, telemetry, clock
        self._started = self._clock.now()

    def record(self, status: int, log_fields: Mapping[str, Any]) -> None:
        """Write the log line and the metrics."""
        elapsed_ms = (self._clock.now() - self._started) * 1000
        self._telemetry.record_request(self._operation, status, elapsed_ms, log_fields)

    def record_response(self, response: HttpResponse) -> HttpResponse:
        """Record a response. Return it, or the same response with a body that is recorded at its end."""
        if isinstance(response.body, bytes):
            self.record(response.status, response.log_fields)
            return response
        return replace(response, body=self._recorded_stream(response, response.body))

    def _recorded_stream(self, response: HttpResponse, stream: BodyStream) -> BodyStream:
        # If the caller disconnects before the end, the log reports it.
        final = replace(response, log_fields={**response.log_fields, "left": True})
        try:
            final = (yield from stream) or response
        finally:
            self.record(final.status, final.log_fields)
        return final


def dialect_of(headers: Mapping[str, str]) -> Dialect:
    """Return the dialect of the caller: Portkey's when it sent a header of Portkey's."""
    return "portkey" if any(name.startswith(PORTKEY_PREFIX) for name in headers) else "openai-api"


def request_deadline(lambda_context: Any, services: Services) -> float:
    """Return the time at which the function ends, less a margin for the response, on the clock's scale."""
    remaining = float(lambda_context.get_remaining_time_in_millis()) / 1000
    return services.clock.now() + remaining - services.settings.deadline_margin


def is_route(path: str) -> bool:
    """Return whether a route has this path."""
    return bool(allowed_methods(path))


def route_not_found(method: str, path: str) -> Fault:
    """Return the fault of a request that no route takes."""
    allowed = allowed_methods(path)
    if allowed:
        return MethodNotAllowed(
            f"{path} takes {' or '.join(allowed)}, not {method}.", allow=allowed
        )
    return NotFound(f"There is no {method} {path}. Image edits are at POST /v1/images/edits.")
