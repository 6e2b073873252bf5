"""Webhook endpoints and deliveries: the routes of OpenAI's `client.webhooks`, and routes for deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from retouch.api.endpoint_request import EndpointRequest, json_response
from retouch.api.request.list_cursor import read_cursor
from retouch.api.request.unknown_names import reject_unknown_names
from retouch.api.request.webhook_fields import (
    read_endpoint_changes,
    read_keep_old,
    read_limit,
    read_new_endpoint,
    read_sample_type,
)
from retouch.api.response.webhook import delivery_document, endpoint_document, list_document
from retouch.core.errors import InvalidRequest
from retouch.core.http_response import HttpResponse
from retouch.core.parameters import EnumParam
from retouch.gateway.orders.edit_job import job_scope
from retouch.gateway.services import Services
from retouch.gateway.webhook_access import require_webhooks, webhook_pepper
from retouch.webhooks import outbox, registry, sender
from retouch.webhooks.delivery import DELIVERY_PREFIX, Delivery
from retouch.webhooks.endpoint import ENDPOINT_PREFIX, Endpoint
from retouch.webhooks.event import EVENT_TYPES
from retouch.webhooks.records import delivery_of_row

_ENDPOINTS, _DELIVERIES = "/v1/webhook_endpoints/", "/v1/webhook_deliveries/"
_STATUS_PARAM = EnumParam(("pending", "delivered", "failed"))
_LIST_NAMES = ("after", "limit")
_ROWS_PER_READ = 100


def create_endpoint(request: EndpointRequest, services: Services) -> HttpResponse:
    """Register an endpoint. Only this response and that of a rotation have its secret."""
    endpoint, secret = registry.create_endpoint(
        _scope(request),
        read_new_endpoint(request.http_request),
        require_webhooks(services),
        webhook_pepper(request.caller.settings),
        services.clock.unix_time(),
    )
    return json_response({**endpoint_document(endpoint), "signing_secret": secret}, request)


def list_endpoints(request: EndpointRequest, services: Services) -> HttpResponse:
    """List the endpoints of the caller's key, the newest first."""
    query = request.query
    reject_unknown_names(query, _LIST_NAMES)
    limit, after = read_limit(query), read_cursor(query, ENDPOINT_PREFIX)
    endpoints = registry.list_endpoints(_scope(request), require_webhooks(services).table)
    later = [one for one in endpoints if not after or one.id < after]
    documents = [endpoint_document(one) for one in later[:limit]]
    return json_response(list_document(documents, has_more=len(later) > limit), request)


def get_endpoint(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return an endpoint."""
    return json_response(endpoint_document(_find_endpoint(request, services)), request)


def update_endpoint(request: EndpointRequest, services: Services) -> HttpResponse:
    """Change the URL, the name or the event types of an endpoint."""
    changed = registry.update_endpoint(
        _find_endpoint(request, services),
        read_endpoint_changes(request.http_request),
        require_webhooks(services),
        services.clock.unix_time(),
    )
    return json_response(endpoint_document(changed), request)


def delete_endpoint(request: EndpointRequest, services: Services) -> HttpResponse:
    """Delete an endpoint. Its pending deliveries fail."""
    endpoint = _find_endpoint(request, services)
    require_webhooks(services).table.delete(endpoint.scope, endpoint.id)
    document = {"id": endpoint.id, "object": "webhook_endpoint.deleted", "deleted": True}
    return json_response(document, request)


def rotate_secret(request: EndpointRequest, services: Services) -> HttpResponse:
    """Give an endpoint a new secret."""
    endpoint, secret = registry.rotate_secret(
        _find_endpoint(request, services),
        require_webhooks(services).table,
        webhook_pepper(request.caller.settings),
        services.clock.unix_time(),
        keep_old=read_keep_old(request.http_request),
    )
    return json_response({**endpoint_document(endpoint), "signing_secret": secret}, request)


def send_test(request: EndpointRequest, services: Services) -> HttpResponse:
    """Send an example to an endpoint, and return the status of its response. Raises InvalidRequest without one."""
    endpoint = _find_endpoint(request, services)
    event_type = read_sample_type(request.http_request)
    response = sender.send_sample(
        endpoint,
        event_type,
        require_webhooks(services),
        services.clock,
        webhook_pepper(request.caller.settings),
    )
    if not response.status:
        raise InvalidRequest(
            "The endpoint could not be reached: the connection failed, or there was no response within 15 seconds. "
            "Check its URL and its certificate.",
            code="webhook_not_reached",
        )
    document = {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": endpoint.id,
        "event_type": event_type,
        "status_code": response.status,
        "success": True,
    }
    return json_response(document, request)


def list_event_types(request: EndpointRequest, _: Services) -> HttpResponse:
    """List the types of events."""
    return json_response({"object": "list", "data": list(EVENT_TYPES)}, request)


def list_deliveries(request: EndpointRequest, services: Services) -> HttpResponse:
    """List the deliveries of the caller's key, the newest first. `endpoint` and `status` select some of them."""
    query = request.query
    reject_unknown_names(query, (*_LIST_NAMES, "endpoint", "status"))
    limit = read_limit(query)
    status = _STATUS_PARAM.read("status", query["status"]) if "status" in query else ""
    endpoint = query.get("endpoint", "")
    selected = (
        one
        for one in _iter_deliveries(request, services)
        if status in ("", one.state) and endpoint in ("", one.endpoint)
    )
    found = list(islice(selected, limit + 1))
    documents = [delivery_document(one) for one in found[:limit]]
    return json_response(list_document(documents, has_more=len(found) > limit), request)


def get_delivery(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return a delivery."""
    return json_response(delivery_document(_find_delivery(request, services)), request)


def redeliver(request: EndpointRequest, services: Services) -> HttpResponse:
    """Send a delivery that has ended again, with the same id and the same body."""
    delivery = outbox.redeliver(
        _find_delivery(request, services), require_webhooks(services), services.clock.unix_time()
    )
    return json_response(delivery_document(delivery), request)


def _iter_deliveries(request: EndpointRequest, services: Services) -> Iterator[Delivery]:
    table, before = require_webhooks(services).table, read_cursor(request.query, DELIVERY_PREFIX)
    while True:
        rows = table.list_rows(
            _scope(request), DELIVERY_PREFIX, before, _ROWS_PER_READ, is_ascending=False
        )
        yield from map(delivery_of_row, rows)
        if len(rows) < _ROWS_PER_READ:
            return
        before = rows[-1].id


def _scope(request: EndpointRequest) -> str:
    return job_scope(request.caller.principal)


def _find_endpoint(request: EndpointRequest, services: Services) -> Endpoint:
    table = require_webhooks(services).table
    return registry.find_endpoint(_scope(request), _identifier(request, _ENDPOINTS), table)


def _find_delivery(request: EndpointRequest, services: Services) -> Delivery:
    table = require_webhooks(services).table
    return outbox.find_delivery(_scope(request), _identifier(request, _DELIVERIES), table)


def _identifier(request: EndpointRequest, prefix: str) -> str:
    return request.http_request.path.partition(prefix)[2].partition("/")[0]
