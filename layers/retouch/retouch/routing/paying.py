"""Who serves a target and who pays there. The rule is one sentence:

A target is served and paid for by exactly one of: its own key, its virtual key, the request's virtual key, the
request's own key where it is meant for that provider, the operator's key. Options travel only with the key they came
with, and whatever was named and does not apply is refused by name, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from retouch.cards import Provider
from retouch.errors import InvalidRequest, Unauthorized
from retouch.routing import payer as pay
from retouch.routing.names import Named, Names
from retouch.routing.payer import OPERATOR, REQUEST, TARGET, Payer
from retouch.routing.problems import InvalidConfig
from retouch.routing.saved import VirtualKey
from retouch.routing.tree import Leaf
from retouch.specs import shown
from retouch.wire.caller import Caller
from retouch.wire.portkey import PREFIX, Portkey


@dataclass(frozen=True, slots=True)
class Served:
    """The provider that is asked for a model, and the one that serves it today: where it ended, its successor's."""

    asked: Provider
    by: Provider


@dataclass(frozen=True, slots=True)
class Stop:
    """A target as a request comes to it: with this model, and whom it names itself."""

    leaf: Leaf
    model: str | None  # without the "@name/" that names a virtual key
    named: Named


@dataclass(frozen=True, slots=True)
class Paid:
    """A target, who serves it, who pays there, and the caller as that provider gets to see it."""

    stop: Stop
    served: Served
    payer: Payer
    caller: Caller


@dataclass(frozen=True, slots=True)
class Payers:
    """Everybody who may pay for one order."""

    caller: Caller
    asked: Portkey
    model: str | None  # the request's
    names: Names
    serving: Callable[[str | None, str | None], Served]  # model and slug -> who serves

    def settle(self, leaves: Iterable[Leaf]) -> list[Paid]:
        """Who pays at each of all targets of a request. InvalidRequest or Unauthorized for what cannot apply."""
        request = self._request()
        stops = [self._stop(leaf) for leaf in leaves]
        meant = self._meant(request, stops)
        paid = [self._paid(stop, request, meant) for stop in stops]
        for one in paid:
            self._check_options(one)
            _check_successor(one)
        self._check_unused(request, paid)
        return paid

    def _paid(self, stop: Stop, request: Named, meant: frozenset[str]) -> Paid:
        payer = (
            self._targets_own_key(stop, request)
            or self._targets_virtual_key(stop)
            or self._requests_virtual_key(stop, request)
            or self._requests_own_key(stop, request, meant)
            or self._operators_key(stop, request)
        )
        slug = payer.virtual.provider if payer.virtual else _slug(stop, request)
        caller = replace(
            self.caller,
            provider=slug,
            key=payer.key,
            options=payer.options,
            lent=payer.virtual is not None,
        )
        return Paid(stop, self._served(stop, slug), payer, caller)

    def _targets_own_key(self, stop: Stop, request: Named) -> Payer | None:
        if stop.named.lent:
            return None
        provider = self._served(stop, _slug(stop, request)).asked
        return pay.own(TARGET, provider, stop.leaf.key, stop.leaf.options)

    def _targets_virtual_key(self, stop: Stop) -> Payer | None:
        return self._lent(stop, stop.named.lent) if stop.named.lent else None

    def _requests_virtual_key(self, stop: Stop, request: Named) -> Payer | None:
        lent = request.lent
        meant = lent is not None and stop.named.provider in (None, lent.provider)
        return self._lent(stop, lent) if lent and meant else None

    def _requests_own_key(self, stop: Stop, request: Named, meant: frozenset[str]) -> Payer | None:
        provider = self._served(stop, _slug(stop, request)).asked
        key = self.caller.key if provider.name in meant else None
        said = self.asked.options.items()
        options = {name: value for name, value in said if name.startswith(provider.family)}
        return pay.own(REQUEST, provider, key, {**options, **stop.leaf.options})

    def _operators_key(self, stop: Stop, request: Named) -> Payer:
        return pay.operators(self._served(stop, _slug(stop, request)).asked)

    def _lent(self, stop: Stop, virtual: VirtualKey) -> Payer:
        return pay.lent(virtual, self._served(stop, virtual.provider).asked)

    def _request(self) -> Named:
        """Whom the request names for all targets, in its headers and its model. InvalidRequest for two who differ."""
        named = self.names.provider(self.caller.provider)
        name, (_, by_model) = self.asked.virtual_key, self.names.model(self.model)
        by_name = self.names.virtual_key(name) if name else None
        slug = None if named.lent else named.provider
        lent = _only((named.lent, by_name, by_model), slug, "the request")
        if lent and slug and self.caller.key:
            raise _two(
                f"the request: the virtual key {shown(lent.name)} and a key for {shown(slug)}"
            )
        return Named(slug, lent)

    def _stop(self, leaf: Leaf) -> Stop:
        """InvalidRequest where a target and its model name two who serve or pay."""
        own = "model" in leaf.override_params
        model, by_model = self.names.model(leaf.override_params.get("model", self.model))
        named = self.names.provider(leaf.provider)
        if named.provider and named.provider not in self.names.providers:
            named = Named(None, self.names.virtual_key(named.provider))
        by_name = self.names.virtual_key(leaf.virtual_key) if leaf.virtual_key else None
        lent = _only((named.lent, by_name, by_model), named.provider, leaf.path)
        if lent is None:
            prefix = self.names.prefix(model) if own and model else None
            return Stop(leaf, model, Named(named.provider or prefix))
        if leaf.key:
            raise _two(f"{leaf.path}: the virtual key {shown(lent.name)} and a key of its own")
        return Stop(leaf, model, Named(lent.provider, lent))

    def _served(self, stop: Stop, slug: str | None) -> Served:
        """Who serves. A target that names nothing but its provider may lack the request's model until it is asked."""
        try:
            return self.serving(stop.model, slug)
        except InvalidRequest:
            provider = self.names.providers.get(stop.named.provider or "")
            if provider is None or "model" in stop.leaf.override_params:
                raise
            return Served(provider, provider)

    def _meant(self, request: Named, stops: Sequence[Stop]) -> frozenset[str]:
        """Whom the request's own key is for: the provider it names, or the only one there is."""
        if self.caller.key is None:
            return frozenset()
        if request.provider:
            return frozenset((request.provider,))
        asked = [self._served(stop, stop.named.provider).asked for stop in stops]
        names = frozenset(provider.name for provider in asked if provider.auth)
        return names if len(names) == 1 else frozenset()

    def _check_options(self, paid: Paid) -> None:
        leaf, payer = paid.stop.leaf, paid.payer
        for name, value in self.asked.options.items():
            pay.check_header(name, payer)
            if payer.who == REQUEST and leaf.options.get(name, value) != value:
                rule = f"is not what {PREFIX}{name} says; leave one of them out"
                raise InvalidConfig(pay.path(leaf, name), rule)
        for name in leaf.options:
            pay.check_config(name, leaf, payer)

    def _check_unused(self, request: Named, paid: Sequence[Paid]) -> None:
        """Nobody else pays where a request named a payer that can pay nowhere, and no option is about nobody."""
        families = tuple(family for one in paid for family in one.served.asked.family)
        for name in self.asked.options:
            if not name.startswith(families):
                raise InvalidRequest(
                    f"{PREFIX}{name} is about none of the providers that serve this request. Leave it out.",
                    param=f"{PREFIX}{name}",
                )
        payers = [one.payer for one in paid]
        if request.lent and not any(payer.virtual == request.lent for payer in payers):
            _check_covered(
                payers, f"The virtual key {shown(request.lent.name)}", request.lent.provider
            )
        elif self.caller.key and not any(payer.key == self.caller.key for payer in payers):
            _check_covered(payers, "The request's own key", request.provider)


def _slug(stop: Stop, request: Named) -> str | None:
    return stop.named.provider or request.provider


def _only(lent: Iterable[VirtualKey | None], slug: str | None, where: str) -> VirtualKey | None:
    """The one virtual key that is named, perhaps several times. InvalidRequest for two, or for one of another provider
    than the one that is named beside it.
    """
    keys = [key for key in lent if key]
    for key in keys:
        if key != keys[0]:
            raise _two(f"{where}: the virtual keys {shown(keys[0].name)} and {shown(key.name)}")
        if slug not in (None, key.provider):
            raise _two(
                f"{where}: {shown(slug)} and the virtual key {shown(key.name)} of another provider"
            )
    return keys[0] if keys else None


def _two(what: str) -> InvalidRequest:
    return InvalidRequest(f"Two are named who serve or pay at {what}. Leave one of them out.")


def _check_successor(paid: Paid) -> None:
    served, payer = paid.served, paid.payer
    if payer.key and served.by.name != served.asked.name:
        raise InvalidRequest(
            f"The model {shown(paid.stop.model)} of {served.asked.title} has ended and {served.by.title} serves it, "
            f"for which {payer.who} is not meant. Name another model.",
            param="model",
        )


def _check_covered(payers: Iterable[Payer], who: str, slug: str | None) -> None:
    """Refuse a payer of the request who pays nowhere, unless every target brings its own."""
    others = [payer.provider for payer in payers if payer.who in (REQUEST, OPERATOR)]
    left = ", ".join(sorted({provider.name for provider in others if provider.auth}))
    if left and slug:
        raise InvalidRequest(
            f"{who} is for {shown(slug)}, and the request is served by {left}. Leave one of them out."
        )
    if left:
        raise Unauthorized(
            f"{who} may be meant for any of several providers, so none gets it. Say which in x-portkey-provider, or "
            "write keys into the config's targets."
        )
