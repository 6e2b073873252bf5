"""The context of an edit from its HTTP request, at every path that takes edits."""

from __future__ import annotations

from retouch.api.endpoint_request import EndpointRequest
from retouch.api.endpoints import deployments
from retouch.api.request.body import parse_form
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
