"""Model resolution: which model a request names, and which model serves it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import InvalidRequest, ModelNotFound, ModelRetired
from retouch.core.parameters import quote_value
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import InvalidSetting, Settings
from retouch.planning.retirement import Retirement, retirements

# Model ids become part of upstream URLs and headers, so only the characters that providers use are allowed.
_MODEL_ID = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}){0,2}", re.ASCII
)


def resolve_model(
    model: str | None,
    credentials: ClientCredentials,
    providers: tuple[Provider, ...],
    settings: Settings,
    today: date,
) -> ResolvedModel:
    """Return the model that a request names, with the model that serves it today.

    Raises InvalidRequest, ModelNotFound or ModelRetired.
    """
    provider, requested = find_model(
        model or default_model_id(credentials, providers, settings), credentials, providers
    )
    return apply_retirement(provider, requested, providers, settings, today)


def default_model_id(
    credentials: ClientCredentials, providers: tuple[Provider, ...], settings: Settings
) -> str:
    """Return the model id for a request that names no model.

    It is the default model of the provider in the headers, else the operator's default model, else the default model
    of the provider that needs no key.
    """
    if not credentials.provider and settings.default_model:
        return settings.default_model
    keyless_provider = next(p for p in providers if p.auth is None)
    provider = (
        find_provider(credentials.provider, providers) if credentials.provider else keyless_provider
    )
    return f"{provider.name}/{provider.default_model}"


def reject_unknown_models(providers: tuple[Provider, ...], settings: Settings) -> None:
    """Raise InvalidSetting when a setting names a model that no provider has. Callers could not correct it."""
    settings_with_models = {
        "RETOUCH_DEFAULT_MODEL": (settings.default_model,) if settings.default_model else (),
        "RETOUCH_SUCCESSORS": settings.successors.values(),
    }
    for variable, model_ids in settings_with_models.items():
        for model_id in model_ids:
            try:
                find_model(model_id, ClientCredentials(), providers)
            except (InvalidRequest, ModelNotFound) as error:
                raise InvalidSetting(
                    f"{variable} names no model of this gateway. {error}"
                ) from None


def find_provider(name: str, providers: tuple[Provider, ...]) -> Provider:
    """Return the provider with this name. Raises InvalidRequest, which lists all providers, when there is none."""
    for provider in providers:
        if provider.name == name:
            return provider
    known_names = ", ".join(p.name for p in providers)
    raise InvalidRequest(
        f"Unknown provider {quote_value(name)}; this gateway has {known_names}.",
        code="unsupported_provider",
    )


def find_model(
    model_id: str, credentials: ClientCredentials, providers: tuple[Provider, ...]
) -> tuple[Provider, ModelCapabilities]:
    """Return the provider and the capabilities of a model id: provider/model, or a model id without its provider.

    Raises InvalidRequest when the id is malformed or contradicts the x-portkey-provider header, and ModelNotFound when
    no provider has the model.
    """
    if not _MODEL_ID.fullmatch(model_id):
        raise InvalidRequest(
            f"Invalid value {quote_value(model_id)} for 'model': it must be an id like provider/model.",
            param="model",
        )
    prefix, _, rest = model_id.partition("/")
    prefixed_provider = next((p for p in providers if rest and p.name == prefix), None)
    if prefixed_provider and credentials.provider not in (None, prefixed_provider.name):
        raise InvalidRequest(
            f"'model' names the provider {quote_value(prefix)}, "
            f"the x-portkey-provider header {quote_value(credentials.provider)}; make them agree or send one of them.",
            param="model",
        )
    if prefixed_provider:
        return prefixed_provider, _find_capabilities(prefixed_provider, rest, providers)
    if credentials.provider:
        provider = find_provider(credentials.provider, providers)
        return provider, _find_capabilities(provider, model_id, providers)
    for provider in providers:
        if any(m.id == model_id for m in provider.models):
            return provider, _find_capabilities(provider, model_id, providers)
    raise _model_not_found(model_id, providers)


def _find_capabilities(
    provider: Provider, model_id: str, providers: tuple[Provider, ...]
) -> ModelCapabilities:
    model = provider.find_model(model_id)
    if model is None:
        raise _model_not_found(f"{provider.name}/{model_id}", providers)
    return model if model.id else replace(model, id=model_id, upstream_name=model_id)


def _model_not_found(model_id: str, providers: tuple[Provider, ...]) -> ModelNotFound:
    hint = _model_id_hint(model_id, providers)
    return ModelNotFound(
        f"The model {quote_value(model_id)} does not exist on this gateway. {hint}", param="model"
    )


def _model_id_hint(model_id: str, providers: tuple[Provider, ...]) -> str:
    """Return the remedy for an unknown model: a similar id, or the form of an id."""
    defaults = {p.name: f"{p.name}/{p.default_model}" for p in providers}
    if model_id in defaults:
        return f"It is a provider: send PROVIDER/MODEL, such as {defaults[model_id]}."
    if similar_id := _similar_model_id(model_id, providers):
        return f"Did you mean {similar_id}?"
    prefix, slash, _ = model_id.partition("/")
    if slash and prefix not in defaults:
        return f"Send PROVIDER/MODEL with one of these providers: {', '.join(defaults)}."
    return "GET /v1/models lists them."


def _similar_model_id(model_id: str, providers: tuple[Provider, ...]) -> str | None:
    from difflib import get_close_matches

    known_ids = [
        full for p in providers for m in p.models if _may_suggest(full := f"{p.name}/{m.id}")
    ]
    full_id_by_name = {full.partition("/")[2]: full for full in known_ids}
    suggestions = get_close_matches(model_id, known_ids, n=1) or [
        full_id_by_name[name] for name in get_close_matches(model_id, list(full_id_by_name), n=1)
    ]
    return suggestions[0] if suggestions else None


def _may_suggest(model_id: str) -> bool:
    """Return whether the model is sure to exist, or existed until a known date."""
    retirement = retirements().get(model_id)
    return retirement is None or retirement.is_confirmed or bool(retirement.shutdown_date)


def apply_retirement(
    provider: Provider,
    requested: ModelCapabilities,
    providers: tuple[Provider, ...],
    settings: Settings,
    today: date,
) -> ResolvedModel:
    """Return the model with the model that serves it today.

    A model serves itself until its provider shuts it down. From that day its successor serves it. Raises ModelRetired
    when there is no successor or when the operator rejects retired models.
    """
    retirement = retirements().get(f"{provider.name}/{requested.id}")
    if retirement is None:
        return ResolvedModel(provider, requested, requested)
    successor = _successor_id(retirement, settings)
    if retirement.is_shut_down(today):
        if settings.reject_retired_models or not successor:
            raise _retired_error(retirement, successor)
        return _serve_by_successor(requested, retirement, successor, providers)
    resolved = ResolvedModel(
        provider,
        requested,
        requested,
        response_headers=retirement.response_headers(),
        replacement_id=successor,
    )
    may_need_successor = retirement.may_be_shut_down(today) and successor
    if not may_need_successor or settings.reject_retired_models:
        return resolved
    return _add_successor(resolved, successor, providers)


def _serve_by_successor(
    requested: ModelCapabilities,
    retirement: Retirement,
    successor: str,
    providers: tuple[Provider, ...],
) -> ResolvedModel:
    """Return the model that was shut down, with its successor and a note about it."""
    provider, serving = find_model(successor, ClientCredentials(), providers)
    return ResolvedModel(
        provider,
        requested,
        serving,
        notes=(
            f"model: {requested.id} ended on {retirement.shutdown_date}, "
            f"served by {provider.name}/{serving.id}{_price_change(requested, serving)}",
        ),
        response_headers=retirement.response_headers(),
    )


def _successor_id(retirement: Retirement, settings: Settings) -> str:
    name = retirement.model_id.partition("/")[2]
    successors = settings.successors
    return successors.get(retirement.model_id) or successors.get(name) or retirement.successor


def _add_successor(
    resolved: ResolvedModel, successor: str, providers: tuple[Provider, ...]
) -> ResolvedModel:
    """Return the model with its successor, if that is at the same provider: the connection is then the same."""
    provider, serving = find_model(successor, ClientCredentials(), providers)
    if provider is not resolved.provider:
        return resolved
    note = (
        f"model: {provider.title} no longer has {resolved.requested.id}, served by {provider.name}/{serving.id}"
        f"{_price_change(resolved.requested, serving)}"
    )
    return replace(resolved, successor=serving, successor_note=note)


def _price_change(requested: ModelCapabilities, serving: ModelCapabilities) -> str:
    """Return both prices of an image as text, or "" when one of them is unknown."""
    old, new = requested.price.per_image, serving.price.per_image
    return f" (about ${new:g} an image instead of ${old:g})" if old and new else ""


def _retired_error(retirement: Retirement, successor: str) -> ModelRetired:
    remedy = f" Use {successor}." if successor else ""
    return ModelRetired(
        f"The model '{retirement.model_id}' was shut down on {retirement.shutdown_date}.{remedy}",
        param="model",
    )
