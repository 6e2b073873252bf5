"""An HTTP request at a route, its caller, and the responses that are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from retouch.api.request.credentials import read_credentials, read_gateway_key
from retouch.api.request.gateway_keys import (
    key_search,
    reject_keys_in_form,
    reject_keys_in_headers,
)
from retouch.api.request.portkey_headers import parse_portkey_headers
from retouch.api.request.sdk_headers import read_retry_count
from retouch.api.request.trace_context import child_traceparent
from retouch.api.response.errors import Dialect
from retouch.core.edit_types import HttpRequest, ParsedForm
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.http_response import HttpResponse, json_headers
from retouch.core.settings import Settings
from retouch.gateway.authentication import Principal, authenticate_key
from retouch.gateway.routing.key_defaults import apply_key_defaults
from retouch.gateway.services import RequestContext, Services

# API Gateway sends at most 200 MB. More base64 than this goes out as links, because the response has to fit into memory
# beside its images.
MAX_HTTP_RESPONSE_BYTES = 150_000_000


class Caller(NamedTuple):
    """The caller of a route, and the settings: with the secrets if the route needs a key."""

    principal: Principal
    settings: Settings


def authenticate_caller(headers: Mapping[str, str], services: Services) -> Caller:
    """Return the caller with the key in the headers. Nothing else of the request is read. Raises Unauthorized."""
    settings = services.settings_with_secrets()
    principal = authenticate_key(read_gateway_key(headers), settings, services.find_key)
    return Caller(principal, settings)


@frozen_dataclass
class EndpointRequest:
    """An HTTP request at a route."""

    http_request: HttpRequest
    query: Mapping[str, str]
    request_id: str
    deadline: float  # on the clock's scale
    caller: Caller
    dialect: Dialect = "openai-api"

    def to_context(self, form: ParsedForm, services: Services) -> RequestContext:
        """Return the context of an edit. Raises InvalidRequest or Unauthorized for headers that cannot be followed."""
        headers = self.http_request.headers
        contains_key = key_search(read_gateway_key(headers) or "", self.caller.settings)
        reject_keys_in_headers(headers, services.settings.forwardable_headers, contains_key)
        reject_keys_in_form(form, contains_key)
        credentials = read_credentials(headers)
        portkey = apply_key_defaults(
            parse_portkey_headers(headers, services.header_prefixes), self.caller.principal.key
        )
        portkey = replace(
            portkey,
            trace_id=portkey.trace_id or self.request_id,
            traceparent=child_traceparent(headers.get("traceparent", ""), self.request_id),
        )
        return RequestContext(
            form,
            credentials,
            self.request_id,
            self.deadline,
            self.caller.settings,
            self.caller.principal,
            base_url=self.http_request.base_url,
            portkey=portkey,
            max_response_bytes=MAX_HTTP_RESPONSE_BYTES,
            has_retrying_client=read_retry_count(self.http_request.headers) is not None,
            is_portkey_client=self.dialect == "portkey",
        )


def json_response(
    body: Mapping[str, Any],
    request: EndpointRequest,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> HttpResponse:
    """Return an object as the response of a route that buys nothing, with more headers."""
    return plain_response(status, {**own_headers(request), **headers}, orjson.dumps(body))


def plain_response(status: int, headers: Mapping[str, str], body: bytes) -> HttpResponse:
    """Return a response of a route that buys nothing."""
    return HttpResponse(status, headers, body, {"billed": "no"})


def own_headers(request: EndpointRequest) -> dict[str, str]:
    """Return the headers of a response of a route that buys nothing."""
    return {**json_headers(request.request_id), "x-retouch-billed": "no"}
