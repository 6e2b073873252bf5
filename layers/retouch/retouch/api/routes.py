"""The routes of the HTTP API: a table of functions that take a request and return a response."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from math import inf
from typing import Any, NamedTuple
from urllib.parse import unquote

from retouch.api.edit_context import edit_context
from retouch.api.endpoint_request import (
    EndpointRequest,
    authenticate_caller,
    json_response,
    own_headers,
    plain_response,
)
from retouch.api.request.body import parse_form
from retouch.api.request.job_fields import reject_job_fields
from retouch.api.request.job_headers import (
    read_job_options,
    remove_job_fields,
    remove_job_flag,
)
from retouch.api.request.order_headers import read_order_options
from retouch.api.response.edit import render_http
from retouch.api.response.keep_alive import max_silence, run_with_keep_alive
from retouch.api.response.order_answers import end_order
from retouch.api.router import path_pattern
from retouch.core.errors import BudgetUnavailable, InvalidRequest
from retouch.core.frozen_dataclass import replace
from retouch.core.http_response import HttpResponse
from retouch.core.parameters import GATEWAY_PARAMS
from retouch.gateway.orders.edit_order import EditOrder, OrderOptions, new_order
from retouch.gateway.pipeline import edit_image
from retouch.gateway.result import EditResult
from retouch.gateway.results.signed_links import resolve_token
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.validation import is_dry_run, is_stream_requested
from retouch.tenants.scopes import EDIT_SCOPE


def create_edit(request: EndpointRequest, services: Services) -> HttpResponse:
    """Edit an image with the model that the body, the path of Azure's API or the operator names."""
    rates = _count_request(request, services)
    response = _create_edit(request, services)
    return replace(response, headers={**response.headers, **rates}) if rates else response


def _create_edit(request: EndpointRequest, services: Services) -> HttpResponse:
    _reject_query_params(request.query, services)
    context = edit_context(request, services)
    headers, form = request.http_request.headers, context.form
    options = read_job_options(headers, form)
    if options is None:
        reject_job_fields(form, headers)
        return _run_edit(request, replace(context, form=remove_job_flag(form)), services)
    context = replace(context, form=remove_job_fields(form))
    if is_dry_run(form):
        return _run_edit(request, context, services)
    from retouch.api.endpoints.jobs import create_job

    return create_job(request, context, options, services)


def _run_edit(
    request: EndpointRequest, context: RequestContext, services: Services
) -> HttpResponse:
    """Run an edit, in the background when its client does not wait for its end or may send it again."""
    form = context.form
    max_pause = max_silence(request.http_request.headers, services.settings.keep_alive_after)
    order = _request_order(request, context, services)
    context = replace(context, max_silence=max_pause, order=order)
    # A stream has heartbeats of its own.
    silence = inf if is_stream_requested(form) else max_pause

    def run() -> EditResult:
        result = edit_image(context, services)
        return end_order(result, order, request.dialect) if order else result

    is_silence_permitted = silence >= context.deadline - services.clock.now()
    is_beside = order is not None and not (order.is_claimed_first or order.is_on_demand)
    if is_silence_permitted and not is_beside:
        return render_http(run(), request.request_id, request.dialect)
    return run_with_keep_alive(run, silence, order, request.request_id, request.dialect)


def _request_order(
    request: EndpointRequest, context: RequestContext, services: Services
) -> EditOrder | None:
    """Return the order of the request, or None when nobody can look for it. Raises InvalidRequest."""
    form = context.form
    is_required = services.settings.orders_mode == "require"
    options = read_order_options(request.http_request.headers, is_required=is_required)
    if options is None and _may_hold_budgets(context, services):
        options = OrderOptions(is_on_demand=True)
    if options is None or is_dry_run(form):
        return None
    return new_order(
        replace(options, is_stream=is_stream_requested(form)), services.orders, services.clock
    )


def _count_request(request: EndpointRequest, services: Services) -> dict[str, str]:
    """Count the request in the rate limits of its key, and return the headers about them. Raises RateExceeded."""
    key = request.caller.principal.key
    if key is None or not key.has_rate_limits:
        return {}
    if services.open_rates is None:
        raise BudgetUnavailable(
            "This gateway key has a rate limit, and the gateway has no table to count in. Set RETOUCH_BUDGETS_TABLE on "
            "the gateway.",
            retryable=False,
        )
    from retouch.tenants.rates import rate_headers, windows_of_key  # most keys have no rate limit

    now = services.clock.unix_time()
    uses = services.open_rates().count_request(windows_of_key(key, now))
    return rate_headers(uses, now)


def _may_hold_budgets(context: RequestContext, services: Services) -> bool:
    """Return whether an attempt may hold budgets: of the key, or of a virtual key that the request may name."""
    key, portkey = context.principal.key, context.portkey
    if key is None or services.open_budgets is None:
        return False
    names = (context.credentials.provider, context.form.values.get("model"))
    may_name_virtual_key = (
        portkey.virtual_key or portkey.config or any("@" in str(n) for n in names)
    )
    return key.has_budgets or bool(may_name_virtual_key)


def _reject_query_params(query: Mapping[str, str], services: Services) -> None:
    """Raise InvalidRequest for a parameter of an edit in the query string, where the gateway does not read it."""
    if not query:
        return
    models = (model for provider in services.providers for model in provider.models)
    known_params = {*GATEWAY_PARAMS, *(name for model in models for name in model.params)}
    for name in query:
        if name in known_params:
            raise InvalidRequest(
                f"'{name}' is in the query string, where it has no effect. Send it in the body.",
                param=name,
            )


def create_upload(request: EndpointRequest, services: Services) -> HttpResponse:
    """Create an upload for a large image."""
    from retouch.api.endpoints import (
        uploads,  # the next endpoints import what few requests need, too
    )

    return json_response(
        uploads.create_upload(request.http_request, request.caller.principal.owner, services),
        request,
    )


def list_models(request: EndpointRequest, services: Services) -> HttpResponse:
    """List the models, with ?verbose=true also what they can do. Raises InvalidRequest."""
    from retouch.api.endpoints import models

    caller, has_capabilities = request.caller, models.read_verbose(request.query)
    body = models.list_models(
        services.providers,
        caller.settings,
        caller.principal.key,
        has_capabilities=has_capabilities,
    )
    return json_response(body, request)


def get_model(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return one model. Its id may contain slashes, encoded or not."""
    from retouch.api.endpoints import models

    model_id = unquote(request.http_request.path.removeprefix("/v1/models/"))
    caller = request.caller
    model = models.get_model(model_id, services.providers, caller.settings, caller.principal.key)
    return json_response(model, request)


def get_quota(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return what is used and left of the limits of the calling key and of its workspace."""
    from retouch.api.endpoints.quota import read_quota  # most functions are never asked for it

    return json_response(read_quota(request.caller.principal.key, services), request)


def get_health(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return "ok". With ?deep=1, return whether everything that is configured works; that needs a key."""
    if request.query.get("deep") not in ("1", "true"):
        return json_response({"status": "ok"}, request)
    from retouch.gateway import health

    authenticate_caller(request.http_request.headers, services)
    report = health.check_health(services)
    return json_response(report, request, 503 if report["status"] == "degraded" else 200)


def get_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the facts about a file, or redirect to a result, whose signed link contains dots."""
    token = request.http_request.path.rpartition("/")[2]
    is_file = token.startswith("file-") and "." not in token
    return _get_file(request, services) if is_file else redirect_to_file(request, services)


def redirect_to_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """Redirect to a result. The signature of the link is the permission."""
    pepper = services.settings_with_secrets().environment.get("RETOUCH_PEPPER", "")
    token = request.http_request.path.rpartition("/")[2]
    location = resolve_token(token, pepper, services.clock.unix_time(), services.bucket.sign)
    headers = {
        **own_headers(request),
        "Location": location,
        "Cache-Control": "private, no-store",
    }
    return plain_response(302, headers, b"")


def echo_digests(request: EndpointRequest, _: Services) -> HttpResponse:
    """Return length and SHA-256 of the body and of each image in it, for the self-test after a deployment."""
    images = [
        image for image in parse_form(request.http_request).images if isinstance(image, bytes)
    ]
    body = request.http_request.body
    return json_response({"body": _digest(body), "images": list(map(_digest, images))}, request)


def get_openapi(request: EndpointRequest, _: Services) -> HttpResponse:
    """Return the OpenAPI document."""
    from pathlib import Path

    document = (Path(__file__).parent / "openapi.json").read_bytes()
    return plain_response(200, own_headers(request), document)


def get_start_page(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the page for a browser that opens the address of the gateway."""
    headers = {
        **own_headers(request),
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    }
    settings = services.settings
    base_url = settings.base_url or request.http_request.base_url
    from retouch.api.endpoints import start_page

    page = start_page.render(base_url, has_playground=settings.playground_enabled)
    return plain_response(200, headers, page)


def get_playground(request: EndpointRequest, services: Services) -> HttpResponse:
    """Return the playground's page or one of its files. Raises NotFound."""
    from retouch.api.endpoints import playground  # no edit needs it

    return playground.get_playground(request, services)


Endpoint = Callable[[EndpointRequest, Services], HttpResponse]


def load_endpoint(module: str, name: str) -> Endpoint:
    """Return an endpoint whose module is loaded with its first request, because most functions never get one."""

    def run(request: EndpointRequest, services: Services) -> HttpResponse:
        endpoint: Endpoint = getattr(import_module(f"retouch.api.endpoints.{module}"), name)
        return endpoint(request, services)

    return run


_get_file = load_endpoint("files", "get_file")


class Route(NamedTuple):
    """An endpoint, and what its caller needs, which is checked before the request is read."""

    endpoint: Endpoint
    needs_key: bool = True
    scope: str = ""  # that the key must have; empty: every key may use the route


_GET_ROUTES: Mapping[str, Route] = {
    "/": Route(get_start_page, needs_key=False),
    "/playground": Route(get_playground, needs_key=False),
    "/playground/{file}": Route(get_playground, needs_key=False),
    "/v1/models": Route(list_models),
    "/v1/models/{id+}": Route(get_model),
    "/v1/quota": Route(get_quota),
    "/v1/files/{token}": Route(get_file, needs_key=False),  # the id of a file needs one
    "/health": Route(get_health, needs_key=False),  # a deep check needs one
    "/openapi.json": Route(get_openapi, needs_key=False),
}
_WEBHOOKS = partial(load_endpoint, "webhooks")
_WEBHOOK_ROUTES: Mapping[tuple[str, str], Route] = {
    ("POST", "/v1/webhook_endpoints"): Route(_WEBHOOKS("create_endpoint"), scope=EDIT_SCOPE),
    ("GET", "/v1/webhook_endpoints"): Route(_WEBHOOKS("list_endpoints")),
    ("GET", "/v1/webhook_endpoints/{id}"): Route(_WEBHOOKS("get_endpoint")),
    ("POST", "/v1/webhook_endpoints/{id}"): Route(_WEBHOOKS("update_endpoint"), scope=EDIT_SCOPE),
    ("DELETE", "/v1/webhook_endpoints/{id}"): Route(_WEBHOOKS("delete_endpoint"), scope=EDIT_SCOPE),
    ("POST", "/v1/webhook_endpoints/{id}/rotate_secret"): Route(
        _WEBHOOKS("rotate_secret"), scope=EDIT_SCOPE
    ),
    ("POST", "/v1/webhook_endpoints/{id}/test"): Route(_WEBHOOKS("send_test"), scope=EDIT_SCOPE),
    ("GET", "/v1/webhook_event_types"): Route(_WEBHOOKS("list_event_types")),
    ("GET", "/v1/webhook_deliveries"): Route(_WEBHOOKS("list_deliveries")),
    ("GET", "/v1/webhook_deliveries/{id}"): Route(_WEBHOOKS("get_delivery")),
    ("POST", "/v1/webhook_deliveries/{id}/redeliver"): Route(
        _WEBHOOKS("redeliver"), scope=EDIT_SCOPE
    ),
}
EDIT_ROUTES: Mapping[str, Route] = {
    "/v1/images/edits": Route(create_edit, scope=EDIT_SCOPE),
    "/openai/deployments/{path+}": Route(create_edit, scope=EDIT_SCOPE),
    "/openai/v1/images/edits": Route(create_edit, scope=EDIT_SCOPE),
    "/openai/images/edits": Route(
        create_edit, scope=EDIT_SCOPE
    ),  # Azure's Node SDK, when only the call names a model
}
_JOBS = partial(load_endpoint, "jobs")
# By method and path. The paths have the variables of API Gateway: {name} is a segment, and {name+} is any rest.
ROUTES: Mapping[tuple[str, str], Route] = {
    **{("POST", path): route for path, route in EDIT_ROUTES.items()},
    ("GET", "/v1/images/edits"): Route(_JOBS("list_jobs")),
    ("GET", "/v1/images/edits/{id}"): Route(_JOBS("get_job")),
    ("DELETE", "/v1/images/edits/{id}"): Route(_JOBS("delete_job")),
    ("GET", "/v1/images/edits/{id}/content"): Route(_JOBS("get_content")),
    ("POST", "/v1/images/edits/{id}/cancel"): Route(_JOBS("cancel_job"), scope=EDIT_SCOPE),
    **_WEBHOOK_ROUTES,
    ("POST", "/v1/uploads"): Route(create_upload, scope=EDIT_SCOPE),
    ("POST", "/v1/files"): Route(load_endpoint("files", "create_file"), scope=EDIT_SCOPE),
    ("GET", "/v1/files"): Route(load_endpoint("files", "list_files")),
    ("GET", "/v1/files/{token}/content"): Route(load_endpoint("files", "get_content")),
    ("DELETE", "/v1/files/{token}"): Route(load_endpoint("files", "delete_file"), scope=EDIT_SCOPE),
    ("POST", "/v1/batches"): Route(load_endpoint("batches", "create_batch"), scope=EDIT_SCOPE),
    ("GET", "/v1/batches"): Route(load_endpoint("batches", "list_batches")),
    ("GET", "/v1/batches/{id}"): Route(load_endpoint("batches", "get_batch")),
    ("POST", "/v1/batches/{id}/cancel"): Route(
        load_endpoint("batches", "cancel_batch"), scope=EDIT_SCOPE
    ),
    ("POST", "/v1/doctor"): Route(echo_digests),
    **{(method, path): r for path, r in _GET_ROUTES.items() for method in ("GET", "HEAD")},
}


def allowed_methods(path: str) -> list[str]:
    """Return the methods of the routes with this path. Empty when there is no such route."""
    return [method for method, route in ROUTES if path_pattern(route).fullmatch(path)]


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
