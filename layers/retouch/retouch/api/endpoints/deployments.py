"""POST /openai/deployments/{deployment}/images/edits: the path of Azure's API, which names the model as a deployment.

The deployment is a model id of the gateway, with or without its provider.
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

from retouch.core.capabilities import API_KEY_SETTING, Provider
from retouch.core.edit_types import ParsedForm
from retouch.core.errors import InvalidRequest, NotFound
from retouch.core.parameters import quote_value
from retouch.core.settings import Settings
from retouch.gateway.services import RequestContext, Services

_EDIT_PATH = re.compile("/openai/deployments/(.+)/images/edits/?")


def read_model(path: str) -> str:
    """Return the model that the path names. Raises NotFound for a path of another operation."""
    match = _EDIT_PATH.fullmatch(path)
    if not match:
        raise NotFound(
            f"There is no POST {path}. Image edits are at POST /openai/deployments/{{model}}/images/edits."
        )
    return unquote(match[1])


def add_model(form: ParsedForm, model: str) -> ParsedForm:
    """Return the form with the model of the path. Raises InvalidRequest when the body names another one."""
    body_model = form.values.get("model", model)
    if body_model != model:
        raise InvalidRequest(
            f"The path names the model {quote_value(model)}, and 'model' is {quote_value(body_model)}. "
            "Make them agree, or leave 'model' out.",
            param="model",
        )
    return replace(form, values={**form.values, "model": model})


def choose_provider(context: RequestContext, model: str, services: Services) -> RequestContext:
    """Return the context with the provider that a deployment without a provider's name belongs to.

    It is the provider with deployments if the operator has configured it or the caller sends a key of its own, because
    that key may not go to another provider. Without both, the gateway finds the model as on its other paths.
    """
    names = {provider.name for provider in services.providers}
    names_provider = model.startswith("@") or model.partition("/")[0] in names
    if names_provider or context.credentials.provider or context.portkey.virtual_key:
        return context
    provider = next(p for p in services.providers if p.deployment_template)
    if not (context.credentials.key or _is_configured(provider, context.settings)):
        return context
    return replace(context, credentials=replace(context.credentials, provider=provider.name))


def _is_configured(provider: Provider, settings: Settings) -> bool:
    found = provider.read_settings(settings.environment, provider.settings)
    return not found.keys().isdisjoint((API_KEY_SETTING, "base_url", provider.base_url_setting))
