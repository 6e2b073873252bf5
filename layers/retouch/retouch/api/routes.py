"""What each route of the HTTP API does, as a table of functions from request to answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from retouch.api.endpoints import models, uploads
from retouch.api.request.body import parse_form
from retouch.api.request.credentials import read_credentials
from retouch.api.request.portkey_headers import parse_portkey_headers
from retouch.api.request.trace_context import child_traceparent
from retouch.api.response.keep_alive import max_silence, with_keep_alive
from retouch.core.capabilities import Provider, collect_header_prefixes
from retouch.core.http import HttpResponse, json_headers
from retouch.core.models import HttpRequest, ParsedForm
from retouch.gateway import health
from retouch.gateway.pipeline import authenticate, edit_image
from retouch.gateway.services import RequestContext, Services
from retouch.gateway.signed_links import resolve_token
from retouch.gateway.validation import is_stream_requested


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """An HTTP request at a route."""

    http_request: HttpRequest
    query: Mapping[str, str]
    request_id: str
    deadline: float

    def to_context(self, form: ParsedForm, providers: Iterable[Provider]) -> RequestContext:
        """The same as an order, from whoever its headers say; options are those of these providers."""
        credentials = read_credentials(self.http_request.headers)
        portkey = parse_portkey_headers(
            self.http_request.headers, collect_header_prefixes(providers)
        )
        portkey = replace(
            portkey,
            trace_id=portkey.trace_id or self.request_id,
            traceparent=child_traceparent(
                self.http_request.headers.get("traceparent", ""), self.request_id
            ),
        )
        return RequestContext(
            form,
            credentials,
            self.request_id,
            self.deadline,
            base_url=self.http_request.base_url,
            portkey=portkey,
        )


def create_edit(request: EndpointRequest, services: Services) -> HttpResponse:
    """An image edit. Only one that may outlast somebody's patience is run beside the line; streams are their own."""
    form = parse_form(request.http_request)
    silence = max_silence(request.http_request.headers, services.settings.keep_alive_after)
    context = replace(request.to_context(form, services.providers), max_silence=silence)
    if is_stream_requested(form) or request.deadline - services.clock.now() <= silence:
        return edit_image(context, services)
    return with_keep_alive(lambda: edit_image(context, services), silence, request.request_id)


def create_upload(request: EndpointRequest, services: Services) -> HttpResponse:
    """An invitation to upload a large picture."""
    _require_auth(request, services)
    return _json_response(uploads.create_upload(request.http_request, services), request)


def list_models(request: EndpointRequest, services: Services) -> HttpResponse:
    """The list of models."""
    _require_auth(request, services)
    return _json_response(models.list_models(services.providers), request)


def get_health(request: EndpointRequest, services: Services) -> HttpResponse:
    """Alive; with ?deep=1, and then only for callers who are known, whether everything configured works."""
    if request.query.get("deep") not in ("1", "true"):
        return _json_response({"status": "ok"}, request)
    _require_auth(request, services)
    report = health.check_health(services)
    return _json_response(report, request, 200 if report["status"] == "ok" else 503)


def redirect_to_file(request: EndpointRequest, services: Services) -> HttpResponse:
    """A result, by a link of ours: its signature is all the permission it needs."""
    settings = services.settings.with_secrets(services.read_secrets())
    pepper = settings.environment.get("RETOUCH_PEPPER", "")
    token = request.http_request.path.rpartition("/")[2]
    location = resolve_token(token, pepper, services.clock.unix_time(), services.bucket.sign)
    headers = {
        **_response_headers(request),
        "Location": location,
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(302, headers, b"")


def echo_digests(request: EndpointRequest, services: Services) -> HttpResponse:
    """What arrived: length and SHA-256 of the body and of each picture in it, for the post-deploy self-test."""
    _require_auth(request, services)
    images = [
        image for image in parse_form(request.http_request).images if isinstance(image, bytes)
    ]
    body = request.http_request.body
    return _json_response({"body": _digest(body), "images": list(map(_digest, images))}, request)


def get_openapi(request: EndpointRequest, _: Services) -> HttpResponse:
    """The published contract."""
    document = (Path(__file__).parent / "openapi.json").read_bytes()
    return HttpResponse(200, _response_headers(request), document)


Endpoint = Callable[[EndpointRequest, Services], HttpResponse]
ROUTES: Mapping[tuple[str, str], Endpoint] = {
    ("POST", "/v1/images/edits"): create_edit,
    ("POST", "/v1/uploads"): create_upload,
    ("POST", "/v1/doctor"): echo_digests,
    ("GET", "/v1/models"): list_models,
    ("GET", "/v1/files/<token>"): redirect_to_file,
    ("GET", "/health"): get_health,
    ("GET", "/openapi.json"): get_openapi,
}


def _require_auth(request: EndpointRequest, services: Services) -> None:
    secured_services = replace(
        services, settings=services.settings.with_secrets(services.read_secrets())
    )
    authenticate(request.to_context(ParsedForm({}), services.providers), secured_services)


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _json_response(
    body: Mapping[str, Any], request: EndpointRequest, status: int = 200
) -> HttpResponse:
    return HttpResponse(status, _response_headers(request), orjson.dumps(body))


def _response_headers(request: EndpointRequest) -> dict[str, str]:
    return {**json_headers(request.request_id), "x-retouch-billed": "no"}
