"""The handler of the admin function. `retouch.api.admin.routes` says what each route does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from retouch.api.admin.request import AdminEndpoint, AdminRequest, AdminServices
from retouch.api.admin.routes import ADMIN_ROUTES, allowed_methods, path_values
from retouch.api.cors import cors_policy
from retouch.api.events import http as http_event
from retouch.api.handlers.edits import Handler, Recorder, Telemetry
from retouch.api.request.credentials import read_gateway_key
from retouch.api.response.errors import (
    error_document,
    fault_from_exception,
    fault_headers,
    fault_log_fields,
)
from retouch.api.router import HttpEvent, Responder, Router
from retouch.core.errors import Fault, MethodNotAllowed, NotFound
from retouch.core.http_response import HttpResponse, json_headers
from retouch.gateway.authentication import Principal, require_key


def build_handler(
    services: AdminServices, start_prefetch: Callable[[], None], telemetry: Telemetry
) -> Handler:
    """Return the Lambda handler. `start_prefetch` starts to read the pepper in the background."""
    responders = {
        route: _responder(services, telemetry, route, endpoint)
        for route, endpoint in ADMIN_ROUTES.items()
    }
    router = Router(
        responders,
        _responder(services, telemetry, ("", ""), _respond_not_found),
        cors_policy(services.settings),
    )

    def handler(event: Any, context: Any) -> Any:
        start_prefetch()
        v1_event = http_event.to_v1_event(event, lambda path: bool(allowed_methods(path)))
        return router.respond(HttpEvent(v1_event, context))

    return handler


def _responder(
    services: AdminServices, telemetry: Telemetry, route: tuple[str, str], endpoint: AdminEndpoint
) -> Responder:
    """Return the router's function for a route. It authenticates the caller before it reads the request."""

    def respond(request: HttpEvent) -> HttpResponse:
        telemetry.set_trace_id(request.request_id)
        recorder = Recorder(" ".join(route).strip() or "not found", services.clock, telemetry)
        try:
            admin_request = _admin_request(request, route[1], services)
            telemetry.set_caller(Principal(admin_request.key).log_fields)
            status, body = endpoint(admin_request, services)
            response = HttpResponse(status, _headers(request.request_id), orjson.dumps(body))
        except Exception as error:
            response = _error_response(fault_from_exception(error), request.request_id)
        return recorder.record_response(response)

    return respond


def _admin_request(request: HttpEvent, template: str, services: AdminServices) -> AdminRequest:
    settings = services.settings.with_secrets(services.read_secrets())
    principal = require_key(read_gateway_key(request.headers), settings, services.find_key)
    assert principal.key is not None, "a required key is there"
    return AdminRequest(
        http_event.to_http_request(request.event),
        path_values(template, request.path) if template else {},
        request.query,
        request.request_id,
        principal.key,
        settings.environment["RETOUCH_PEPPER"],
        request.query_values,
    )


def _respond_not_found(request: AdminRequest, _: AdminServices) -> Any:
    path = request.http_request.path
    if allowed := allowed_methods(path):
        raise MethodNotAllowed(f"{path} takes {' or '.join(allowed)}.", allow=allowed)
    raise NotFound(f"There is no {path}. docs/tenants.md lists the routes of the admin API.")


def _error_response(fault: Fault, request_id: str) -> HttpResponse:
    fault = fault.with_billing("no")
    body = {**error_document(fault), "success": False}
    headers = {**_headers(request_id), **fault_headers(fault)}
    return HttpResponse(fault.status, headers, orjson.dumps(body), fault_log_fields(fault))


def _headers(request_id: str) -> dict[str, str]:
    return {
        **json_headers(request_id),
        "x-retouch-billed": "no",
        "Cache-Control": "private, no-store",
    }
