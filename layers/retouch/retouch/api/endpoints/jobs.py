"""Jobs: POST /v1/images/edits with `Prefer: respond-async`, and the routes below /v1/images/edits/{id}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson

from retouch.api.endpoint_request import EndpointRequest, json_response, plain_response
from retouch.api.endpoints.job_images import add_images
from retouch.api.request.entity_tags import is_known
from retouch.api.request.job_headers import read_job_wait
from retouch.api.request.job_query import read_include, read_list_query
from retouch.api.request.list_cursor import read_cursor
from retouch.api.request.unknown_names import reject_unknown_names
from retouch.api.response.edit import render_http
from retouch.api.response.errors import error_document
from retouch.api.response.job import job_document, job_url
from retouch.api.stored_request import encode_request
from retouch.core.errors import Gone, InvalidRequest, JobConflict, NotFound
from retouch.core.http_response import HttpResponse
from retouch.gateway.orders.edit_job import (
    LINK_SECONDS,
    JobOptions,
    job_scope,
    require_jobs,
    submit_edit,
)
from retouch.gateway.orders.edit_order import OrderReport
from retouch.gateway.orders.job_events import emit_event
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext, Services
from retouch.orders import jobs
from retouch.orders.jobs import job_status
from retouch.orders.order import Order, StoredAnswer

_LIST_THREADS = 8  # the answers of the jobs in a list are read at the same time
_OPEN_STATUSES = ("queued", "in_progress")
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.25, 2.0


def create_job(
    request: EndpointRequest, context: RequestContext, options: JobOptions, services: Services
) -> HttpResponse:
    """Make the edit a job. With `wait`, return the image if it is there in time."""
    outcome = submit_edit(context, options, encode_request(request), services)
    if isinstance(outcome, EditResult):
        return render_http(outcome, request.request_id, request.dialect)
    seconds = read_job_wait(request.http_request.headers)
    order = _wait(outcome, seconds, request, services, _has_ended)
    answer = _stored_answer(order, services) if seconds else None
    if answer:
        result = EditResult(answer, order=OrderReport(order.id, order.expires))
        response = render_http(result, request.request_id, request.dialect)
        applied = f"respond-async, wait={seconds:.0f}"
        return replace(response, headers={**response.headers, "Preference-Applied": applied})
    response = _job_response(order, request, services, status=202)
    headers = {
        "Location": job_url(order, _base_url(request, services)),
        "Preference-Applied": "respond-async",
    }
    return replace(response, headers={**response.headers, **headers})


def get_job(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return a job. With `Prefer: wait`, wait until its status changes."""
    if services.poll_limiter:
        services.poll_limiter.check(request.http_request.path)
    has_images = read_include(request.query)
    order = _find_job(request, services)
    headers = request.http_request.headers
    status = job_status(order, services.clock.unix_time())
    order = _wait(
        order, read_job_wait(headers), request, services, lambda _, current: current != status
    )
    if is_known(_etag(order), headers):
        return plain_response(304, _job_headers(order, request, services), b"")
    if has_images:
        document = _document(order, request, services)
        document["result"] = add_images(document["result"], services)
        return json_response(document, request, 200, _job_headers(order, request, services))
    return _job_response(order, request, services)


def cancel_job(request: EndpointRequest, services: Services) -> HttpResponse:
    """Cancel a job that was not sent to a provider yet."""
    order, now = _find_job(request, services), services.clock.unix_time()
    stores = require_jobs(services)
    try:
        order = jobs.cancel_job(order, stores, now)
        order = emit_event(order, stores.orders.table, services.load_webhooks, now)
    except JobConflict as conflict:
        job = _document(_find_job(request, services), request, services)
        body = {**job, **error_document(conflict, request.dialect)}
        return json_response(body, request, conflict.status, {"x-should-retry": "false"})
    return _job_response(order, request, services)


def delete_job(request: EndpointRequest, services: Services) -> HttpResponse:
    """Delete a job that has ended. Cancel any other job."""
    order, now = _find_job(request, services), services.clock.unix_time()
    stores = require_jobs(services)
    order = emit_event(order, stores.orders.table, services.load_webhooks, now)
    if not jobs.delete_job(order, stores):
        return cancel_job(request, services)
    body = {"id": jobs.job_id(order), "object": "image.edit.deleted", "deleted": True}
    return json_response(body, request)


def list_jobs(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the caller's jobs, the newest first, in the shape of OpenAI's lists."""
    limit, status = read_list_query(request.query)
    now = services.clock.unix_time()
    found = jobs.list_jobs(
        job_scope(request.caller.principal),
        read_cursor(request.query, jobs.ID_PREFIX),
        status,
        limit + 1,
        require_jobs(services),
        now,
    )
    shown = found[:limit]
    with ThreadPoolExecutor(_LIST_THREADS) as pool:
        data = list(pool.map(lambda order: _document(order, request, services), shown))
    body = {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > limit,
    }
    return json_response(body, request)


def get_content(request: EndpointRequest, services: Services) -> HttpResponse:
    """Redirect to one image of a job's result. Raises NotFound before it is there, and Gone after its end."""
    order, now = _find_job(request, services), services.clock.unix_time()
    status = job_status(order, now)
    if status in _OPEN_STATUSES:
        raise NotFound("The job has no result yet. Ask again later.", code="not_ready")
    if status == "completed" and now >= order.ended + LINK_SECONDS:
        raise Gone(
            "The result has expired. Make the edit again with a new job.", code="result_expired"
        )
    answer = _stored_answer(order, services)
    if status != "completed" or answer is None:
        raise NotFound(
            f"The job is {status}, so it has no result. Its 'error' says why.", code="no_result"
        )
    images = orjson.loads(answer.body)["data"]
    index = _read_index(request.query, len(images))
    headers = {
        **_job_headers(order, request, services),
        "Location": images[index]["url"],
        "Cache-Control": "private, no-store",
    }
    return plain_response(302, headers, b"")


def _read_index(query: Mapping[str, str], count: int) -> int:
    reject_unknown_names(query, ("index",))
    text = query.get("index", "0")
    if text.isascii() and text.isdigit() and len(text) <= 2 and int(text) < count:
        return int(text)
    raise InvalidRequest(
        f"'index' must be a whole number from 0 to {count - 1}: the job has {count} images.",
        param="index",
    )


def _find_job(request: EndpointRequest, services: Services) -> Order:
    identifier = request.http_request.path.rstrip("/").rpartition("/v1/images/edits/")[2]
    scope = job_scope(request.caller.principal)
    return jobs.find_job(
        identifier.partition("/")[0], scope, require_jobs(services), services.clock.unix_time()
    )


def _has_ended(_: Order, status: str) -> bool:
    return status not in _OPEN_STATUSES


def _wait(
    order: Order,
    seconds: float,
    request: EndpointRequest,
    services: Services,
    is_awaited: Callable[[Order, str], bool],
) -> Order:
    """Return the job as soon as it is as awaited or has ended, and at the latest after this time."""
    stores, clock = require_jobs(services), services.clock
    wait_until, pause = min(clock.now() + seconds, request.deadline), _FIRST_PAUSE_SECONDS
    while True:
        status = job_status(order, clock.unix_time())
        remaining = wait_until - clock.now()
        if remaining <= 0 or _has_ended(order, status) or is_awaited(order, status):
            return order
        clock.sleep(min(pause, remaining))
        pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
        order = stores.orders.table.read(order.key) or order


def _stored_answer(order: Order, services: Services) -> StoredAnswer | None:
    if order.state != "done":
        return None
    return require_jobs(services).orders.answers.get(order.id)


def _job_response(
    order: Order, request: EndpointRequest, services: Services, status: int = 200
) -> HttpResponse:
    headers = _job_headers(order, request, services)
    return json_response(_document(order, request, services), request, status, headers)


def _document(order: Order, request: EndpointRequest, services: Services) -> dict[str, Any]:
    return job_document(
        order,
        _stored_answer(order, services),
        _base_url(request, services),
        services.clock.unix_time(),
    )


def _job_headers(order: Order, request: EndpointRequest, services: Services) -> dict[str, str]:
    now = services.clock.unix_time()
    headers = {
        "x-request-id": request.request_id,
        "x-retouch-billed": order.billed,
        "x-retouch-order": order.id,
        "Cache-Control": "private, no-store",
    }
    if job_status(order, now) not in _OPEN_STATUSES:
        return {**headers, "ETag": _etag(order)}
    age = now - order.created
    return {
        **headers,
        "ETag": _etag(order),
        "Retry-After": str(5 if age < 60 else 10 if age < 300 else 15),
    }


def _etag(order: Order) -> str:
    return f'"{order.version}"'


def _base_url(request: EndpointRequest, services: Services) -> str:
    return services.settings.base_url or request.http_request.base_url
