"""Which model is meant and which one serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from hashlib import sha256

from retouch.cards import Model, Provider
from retouch.errors import InvalidRequest, ModelNotFound, ModelRetired
from retouch.lifecycle import Ending, endings
from retouch.settings import Settings
from retouch.specs import shown
from retouch.wire.caller import Caller

# Ids reach upstream URLs and headers, so only what every provider uses in a name is let through.
_ID = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}){0,2}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and two cards: the one whose contract the caller sees, and the one that does the work.

    They differ only for a retired id that a successor serves.
    """

    provider: Provider
    asked: Model
    serving: Model
    options: Mapping[str, str] = field(
        default_factory=dict
    )  # the provider's settings, without its key
    key: str | None = field(default=None, repr=False)
    key_is_callers: bool = False
    forward: Mapping[str, str] = field(default_factory=dict, repr=False)  # the caller's own headers
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # for who vouches for us
    notes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def upstream(self) -> str:
        """What the provider calls the serving model."""
        return self.serving.upstream or self.serving.id

    def circuit(self, usual: str) -> str:
        """What fails together: an address of the operator's. `usual` is the base URL that the gateway's settings name.

        That one is called by the provider, and its region where it has several; another one, which a virtual key
        brings, by a digest. Empty where the caller chose the address: nobody else is sent there.
        """
        address = self.options["base_url"]
        if address != usual:
            digest = sha256(address.encode()).hexdigest()[:8]
            return "" if self.key_is_callers else f"{self.provider.name}/{digest}"
        region = self.options.get("region") or self.options.get("location")
        return f"{self.provider.name}/{region}" if region else self.provider.name

    @property
    def model_id(self) -> str:
        """The full id of the serving model."""
        return f"{self.provider.name}/{self.serving.id}"


def resolve(
    model: str | None,
    caller: Caller,
    providers: tuple[Provider, ...],
    settings: Settings,
    today: date,
) -> Target:
    """The target. InvalidRequest, ModelNotFound or ModelRetired."""
    provider, asked = find(model or default_id(caller, providers, settings), caller, providers)
    return succeed(provider, asked, providers, settings, today)


def default_id(caller: Caller, providers: tuple[Provider, ...], settings: Settings) -> str:
    """The model where the request names none: that of the provider in the headers, else the operator's."""
    if not caller.provider and settings.default_model:
        return settings.default_model
    free = next(p for p in providers if p.auth is None)
    provider = named(caller.provider, providers) if caller.provider else free
    return f"{provider.name}/{provider.default_model}"


def named(name: str, providers: tuple[Provider, ...]) -> Provider:
    """The provider with that slug; InvalidRequest listing all when there is none."""
    for provider in providers:
        if provider.name == name:
            return provider
    known = ", ".join(p.name for p in providers)
    raise InvalidRequest(
        f"Unknown provider {shown(name)}; this gateway has {known}.", code="unsupported_provider"
    )


def find(model_id: str, caller: Caller, providers: tuple[Provider, ...]) -> tuple[Provider, Model]:
    """provider/model, or a bare id that finds its provider."""
    if not _ID.fullmatch(model_id):
        raise InvalidRequest(
            f"Invalid value {shown(model_id)} for 'model': it must be an id like provider/model.",
            param="model",
        )
    head, _, rest = model_id.partition("/")
    prefixed = next((p for p in providers if rest and p.name == head), None)
    if prefixed and caller.provider not in (None, prefixed.name):
        raise InvalidRequest(
            f"'model' names the provider {shown(head)}, the x-portkey-provider header {shown(caller.provider)}; "
            "make them agree or send one of them.",
            param="model",
        )
    if prefixed:
        return prefixed, _card(prefixed, rest, providers)
    if caller.provider:
        provider = named(caller.provider, providers)
        return provider, _card(provider, model_id, providers)
    for provider in providers:
        if any(m.id == model_id for m in provider.models):
            return provider, _card(provider, model_id, providers)
    raise _not_found(model_id, providers)


def _card(provider: Provider, model_id: str, providers: tuple[Provider, ...]) -> Model:
    card = provider.model(model_id)
    if card is None:
        raise _not_found(f"{provider.name}/{model_id}", providers)
    return card if card.id else replace(card, id=model_id, upstream=model_id)


def _not_found(model_id: str, providers: tuple[Provider, ...]) -> ModelNotFound:
    known = [f"{p.name}/{m.id}" for p in providers for m in p.models]
    bare = {full.partition("/")[2]: full for full in known}
    near = get_close_matches(model_id, known, n=1) or [
        bare[name] for name in get_close_matches(model_id, list(bare), n=1)
    ]
    hint = f" Did you mean {near[0]}?" if near else " GET /v1/models lists them."
    return ModelNotFound(
        f"The model {shown(model_id)} does not exist on this gateway.{hint}", param="model"
    )


def succeed(
    provider: Provider,
    asked: Model,
    providers: tuple[Provider, ...],
    settings: Settings,
    today: date,
) -> Target:
    """Who serves the model today: itself, or its successor once the provider has shut it down."""
    full = f"{provider.name}/{asked.id}"
    ending = endings().get(full)
    announced = ending.headers() if ending else {}
    if ending is None or not ending.over(today):
        return Target(provider, asked, asked, headers=announced)
    successor = (
        settings.successors.get(full) or settings.successors.get(asked.id) or ending.successor
    )
    if settings.strict_retired or not successor:
        raise _retired(ending, successor)
    by, serving = find(successor, Caller(), providers)
    return Target(
        by,
        asked,
        serving,
        notes=(f"model: {asked.id} ended on {ending.ends}, served by {by.name}/{serving.id}",),
        headers=announced,
    )


def _retired(ending: Ending, successor: str) -> ModelRetired:
    remedy = f" Use {successor}." if successor else ""
    return ModelRetired(
        f"The model '{ending.model}' was shut down on {ending.ends}.{remedy}", param="model"
    )
