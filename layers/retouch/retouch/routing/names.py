"""What the names of a request mean: a provider's slug, or a virtual key that the operator has saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from retouch.cards import Provider
from retouch.errors import InvalidRequest
from retouch.routing.saved import VirtualKey, find
from retouch.specs import shown

_AT = re.compile("@([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class Named:
    """Who serves, by slug, and the virtual key where the name was that of one. Both None where nobody is named."""

    provider: str | None = None
    lent: VirtualKey | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a gateway knows."""

    providers: Mapping[str, Provider]  # by slug
    virtual_keys: Callable[[], Mapping[str, VirtualKey]] = field(repr=False)  # read where needed

    def provider(self, text: str | None) -> Named:
        """Whom "openai", "@openai" or "@team" names. A name that nobody has is left for the plan to refuse.

        InvalidRequest where an "@name" is both a provider's and a virtual key's; Misconfigured where virtual keys are
        needed and cannot be read.
        """
        name = (text or "").removeprefix("@")
        slug = name.lower() if name.lower() in self.providers else None
        if not name or (slug and name == text):
            return Named(slug)
        lent = find(name, self.virtual_keys())
        if slug and lent:
            raise InvalidRequest(
                f"{shown(text)} names a provider and a virtual key. Name the provider without the '@', or send the "
                "virtual key as x-portkey-virtual-key."
            )
        return Named(lent.provider, lent) if lent else Named(slug or name)

    def virtual_key(self, name: str) -> VirtualKey:
        """The virtual key of that name. InvalidRequest where there is none."""
        lent = find(name, self.virtual_keys())
        if lent is None:
            raise InvalidRequest(
                f"There is no virtual key {shown(name)}. Mind its spelling, or ask the gateway's operator.",
                param="x-portkey-virtual-key",
                code="unknown_virtual_key",
            )
        return lent

    def model(self, text: str | None) -> tuple[str | None, VirtualKey | None]:
        """The model without the "@name/" that names a virtual key. "@openai/m" is "openai/m"."""
        found = _AT.fullmatch(text or "")
        if not found:
            return text, None
        named = self.provider(f"@{found[1]}")
        if named.lent or named.provider not in self.providers:
            return found[2], named.lent or self.virtual_key(found[1])
        return f"{named.provider}/{found[2]}", None

    def prefix(self, model: str) -> str | None:
        """The provider that a model's id begins with."""
        head, _, rest = model.partition("/")
        return head if rest and head in self.providers else None
