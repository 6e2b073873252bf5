"""Who serves a target and who pays there: its own key, a virtual key, or the request's where it is meant for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from retouch.errors import InvalidRequest
from retouch.routing.saved import VirtualKey
from retouch.routing.tree import Leaf, Tree, leaves
from retouch.specs import shown
from retouch.wire.caller import Caller
from retouch.wire.portkey import Portkey

_AT = re.compile("@([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class Payers:
    """Everybody who may pay for one order: its headers' keys, its targets', and the operator's virtual keys."""

    caller: Caller
    asked: Portkey
    tree: Tree
    providers: frozenset[str]  # slugs
    virtual_keys: Callable[[], Mapping[str, VirtualKey]] = field(repr=False)  # read where needed

    def at(self, leaf: Leaf, model: str | None) -> tuple[Caller, str | None]:
        """The caller as a target sees it, and the model without the "@name/" that names a virtual key.

        "@openai/gpt-image-2" is "openai/gpt-image-2". InvalidRequest for a virtual key that is not there, or where
        target and model name two; Misconfigured where virtual keys are needed and cannot be read.
        """
        found = _AT.fullmatch(model or "")
        if not found:
            return self._caller(leaf, self._virtual(leaf)), model
        named, rest = found.groups()
        if named in self.providers:
            return self._caller(leaf, self._virtual(leaf)), f"{named}/{rest}"
        return self._caller(leaf, self._agreed(leaf, named)), rest

    def _caller(self, leaf: Leaf, name: str | None) -> Caller:
        if name:
            lent = self._lent(name)
            return replace(
                self.caller, provider=lent.provider, key=lent.key, options=lent.options, lent=True
            )
        key = leaf.key or (self.caller.key if self._meant_for(leaf) else None)
        options = {**self.asked.options, **leaf.options}
        provider = leaf.provider or self.caller.provider
        return replace(self.caller, provider=provider, key=key, options=options)

    def _lent(self, name: str) -> VirtualKey:
        known = self.virtual_keys()
        if name not in known:
            raise InvalidRequest(
                f"There is no virtual key {shown(name)}. Mind its spelling, or ask the gateway's operator.",
                param="x-portkey-virtual-key",
                code="unknown_virtual_key",
            )
        return known[name]

    def _virtual(self, leaf: Leaf) -> str | None:
        """The virtual key of a target: its own, or the headers' where the target names no provider."""
        if leaf.key or leaf.virtual_key:
            return leaf.virtual_key
        if leaf.provider:
            return None if leaf.provider in self.providers else leaf.provider
        header = self.caller.provider
        if self.asked.virtual_key or header is None or header in self.providers:
            return self.asked.virtual_key
        # The provider's header may name a virtual key too; any other name is for the plan to refuse.
        return header if header in self.virtual_keys() else None

    def _agreed(self, leaf: Leaf, named: str) -> str:
        """The virtual key that a model names, where its target names no other and no provider."""
        if leaf.key or {leaf.virtual_key, leaf.provider} - {None, named}:
            raise InvalidRequest(
                f"'model' names the virtual key {shown(named)}, but {leaf.path} says itself who serves and who pays. "
                "Leave one of them out.",
                param="model",
            )
        return named

    def _meant_for(self, leaf: Leaf) -> bool:
        """Whether the request's own key is for this target's provider: it said so, or there is no other."""
        if leaf.provider in (None, self.caller.provider):
            return True
        named = {one.provider for one in leaves(self.tree)}
        return self.caller.provider is None and named == {leaf.provider}
