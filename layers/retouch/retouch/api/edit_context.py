"""The context of an edit: from its HTTP request, at every path that takes edits, and from an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retouch.api.endpoint_request import EndpointRequest
from retouch.api.endpoints import deployments
from retouch.api.events.direct_invoke import form_from_event
from retouch.api.request.body import parse_form, reject_object_references
from retouch.api.request.gateway_keys import key_search, reject_keys_in_form
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.settings import Settings
from retouch.gateway.authentication import Principal
from retouch.gateway.services import RequestContext, Services

_DEPLOYMENTS_PATH = "/openai/deployments/"


def edit_context(request: EndpointRequest, services: Services) -> RequestContext:
    """Return the context of the edit. A path of Azure's API names the model as a deployment. Raises InvalidRequest."""
    path = request.http_request.path
    if not path.startswith(_DEPLOYMENTS_PATH):
        return request.to_context(parse_form(request.http_request), services)
    model = deployments.read_model(path)
    form = deployments.add_model(parse_form(request.http_request), model)
    return deployments.choose_provider(request.to_context(form, services), model, services)


def event_context(
    event: Mapping[str, Any],
    principal: Principal,
    request_id: str,
    deadline: float,
    settings: Settings,
) -> RequestContext:
    """Return the context of an edit that is an event: OpenAI's fields as a JSON object. Raises InvalidRequest.

    Only an event that IAM has authorized may name S3 objects.
    """
    form = form_from_event(event)
    reject_keys_in_form(form, key_search("", settings))
    if not principal.is_operator:
        reject_object_references(form)
    return RequestContext(form, ClientCredentials(), request_id, deadline, settings, principal)
