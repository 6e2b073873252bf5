"""The mirror's Lambda handler: HTTP, direct invoke, SQS and EventBridge. The event's shape decides which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from retouch.api.cors import cors_policy
from retouch.api.events import http as http_event
from retouch.api.events.sources import event_source
from retouch.api.handlers.mirror_queue import MirrorConsumer
from retouch.api.request.credentials import read_gateway_key
from retouch.api.request.gateway_keys import reject_keys_in_urls
from retouch.api.response.errors import (
    error_document,
    error_response,
    fault_from_exception,
    fault_log_fields,
)
from retouch.api.router import HttpEvent, Router
from retouch.api.startup_warnings import warn_about_open_settings
from retouch.core.errors import (
    Fault,
    GatewayMisconfigured,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
)
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.http_response import HttpResponse, json_headers
from retouch.core.settings import Settings
from retouch.gateway.authentication import KeyLookup, Principal, authenticate_key
from retouch.gateway.results.signed_links import signed_url
from retouch.mirror.request import MirrorRequest, add_owner_folder, read_mirror_request
from retouch.mirror.result import response_document
from retouch.tenants.scopes import EDIT_SCOPE

Handler = Callable[[Any, Any], Any]
MIRROR_PATH = "/v1/mirror"


@frozen_dataclass
class MirrorAuth:
    """The authentication of HTTP requests, with the same keys as the other functions."""

    settings: Settings
    secrets: Callable[[], Mapping[str, str]]
    keys: KeyLookup
    start_reading_secrets: Callable[[], None]  # starts the background read of the secret

    def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Return the caller with the key in the headers. Raises Unauthorized."""
        return authenticate_key(read_gateway_key(headers), self._settings_with_secrets(), self.keys)

    def pepper(self) -> str:
        """Return the secret with which keys are hashed and links are signed. Empty when there is no secret."""
        return self._settings_with_secrets().environment.get("RETOUCH_PEPPER", "")

    def _settings_with_secrets(self) -> Settings:
        return self.settings.with_secrets(self.secrets())

    def with_signed_links(self, consumer: MirrorConsumer, base: str) -> MirrorConsumer:
        """Return the consumer with links that outlive this function's credentials, if the gateway's URL is known."""
        address, pepper = self.settings.base_url or base, self.pepper()
        if self.settings.public_base_url or not (address and pepper):
            return consumer

        def make_link(key: str, lifetime: int, now: int) -> tuple[str, int]:
            return signed_url(address, key, now + lifetime, pepper), now + lifetime

        return replace(consumer, services=replace(consumer.services, make_link=make_link))


def build_handler(consumer: MirrorConsumer, auth: MirrorAuth) -> Handler:
    """Return the Lambda handler. It raises, and so fails the invocation, for events of an unknown shape."""
    warn_about_open_settings(auth.settings, consumer.telemetry.logger)
    router = Router(
        {("POST", MIRROR_PATH): lambda request: _respond_to_mirror(request, consumer, auth)},
        lambda request: _respond_not_found(request, auth),
        cors_policy(auth.settings),
    )

    def handler(event: Any, context: Any) -> Any:
        consumer.telemetry.set_caller({"key": ""})
        source = event_source(event)
        if source == "http":
            auth.start_reading_secrets()
            v1_event = http_event.to_v1_event(event, MIRROR_PATH.__eq__)
            return router.respond(HttpEvent(v1_event, context))
        if source == "direct":
            return _process_direct_invoke(consumer, auth, event, context)
        _require_bucket(consumer)
        process = consumer.process_batch if source == "queue" else consumer.process_event
        return process(event, _deadline(consumer, context))

    return handler


def _respond_to_mirror(
    request: HttpEvent, consumer: MirrorConsumer, auth: MirrorAuth
) -> HttpResponse:
    try:
        document = _process_http_request(consumer, auth, request.event, request.lambda_context)
    except Exception as error:
        return error_response(_log_failure(error, consumer, "http"), request.request_id)
    headers = {**json_headers(request.request_id), "x-retouch-billed": "no"}
    return HttpResponse(200, headers, orjson.dumps(document))


def _respond_not_found(request: HttpEvent, auth: MirrorAuth) -> HttpResponse:
    try:
        auth.authenticate(request.headers)
        fault = _route_not_found(request.method, request.path)
    except Exception as error:
        fault = fault_from_exception(error)
    return error_response(fault, request.request_id)


def _process_http_request(
    consumer: MirrorConsumer, auth: MirrorAuth, event: Any, context: Any
) -> dict[str, Any]:
    principal = auth.authenticate(event["headers"])
    consumer.telemetry.set_caller(principal.log_fields)
    principal.require_scope(EDIT_SCOPE)
    request = http_event.to_http_request(event)
    mirror_request = read_mirror_request(_parse_json(request.body))
    reject_keys_in_urls(mirror_request.urls, read_gateway_key(request.headers) or "")
    linked_consumer = auth.with_signed_links(consumer, request.base_url)
    own_request = add_owner_folder(mirror_request, principal.folder)
    return _process_request(linked_consumer, own_request, "http", context)


def _process_direct_invoke(
    consumer: MirrorConsumer, auth: MirrorAuth, event: Any, context: Any
) -> dict[str, Any]:
    """Process a direct invoke.

    The event is the request, and the return value is the response. IAM authorized the sender.
    """
    try:
        linked_consumer = auth.with_signed_links(consumer, "")
        document = _process_request(linked_consumer, read_mirror_request(event), "direct", context)
    except Exception as error:
        fault = _log_failure(error, consumer, "direct")
        return {**error_document(fault), "retouch": {"status": fault.status, "billed": "no"}}
    return {**document, "retouch": {"status": 200, "billed": "no"}}


def _process_request(
    consumer: MirrorConsumer, request: MirrorRequest, source: str, context: Any
) -> dict[str, Any]:
    """Mirror the URLs of a request. Return the body of the response."""
    _require_bucket(consumer)
    (results,) = consumer.mirror_and_record([request], source, _deadline(consumer, context))
    return response_document(results, consumer.services.clock.unix_time())


def _log_failure(error: Exception, consumer: MirrorConsumer, source: str) -> Fault:
    """Log a failure and return it as a Fault. The mirror never calls a provider, so nothing is ever billed."""
    fault = fault_from_exception(error).with_billing("no")
    consumer.telemetry.log_refusal(source, {"status": fault.status, **fault_log_fields(fault)})
    return fault


def _require_bucket(consumer: MirrorConsumer) -> None:
    if not consumer.store.name:
        raise GatewayMisconfigured(
            "A mirror needs a bucket; set RETOUCH_BUCKET.", code="gateway_not_configured"
        )


def _deadline(consumer: MirrorConsumer, context: Any) -> float:
    remaining = float(context.get_remaining_time_in_millis()) / 1000
    return consumer.services.clock.now() + remaining - consumer.services.settings.deadline_margin


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        raise InvalidRequest("The body must be a JSON object.", code="invalid_json") from None


def _route_not_found(method: str, path: str) -> Fault:
    if path == MIRROR_PATH:
        return MethodNotAllowed(f"{MIRROR_PATH} takes POST, not {method}.", allow=["POST"])
    return NotFound(f"There is no {method} {path}. URLs are mirrored at POST {MIRROR_PATH}.")
