"""Virtual keys that the operator has saved, and the names that a request can use: provider slugs and virtual keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

import orjson

from retouch.core.capabilities import Provider
from retouch.core.credentials.client_credentials import key_problem
from retouch.core.errors import GatewayMisconfigured, InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.tenants.keys import VirtualKeyRecord

_AT_MODEL_PATTERN = re.compile("@([^/]+)/(.+)")


@frozen_dataclass
class ProviderRef:
    """A named provider, by slug, and the virtual key if the name was that of one. Both are None without a name."""

    provider: str | None = None
    virtual_key: VirtualKey | None = None


@frozen_dataclass
class ProviderNames:
    """The names of the gateway's providers and virtual keys."""

    providers: Mapping[str, Provider]  # by slug
    load_virtual_keys: Callable[[], Mapping[str, VirtualKey]] = field(repr=False)  # lazy
    # the virtual keys of the caller's workspace, which come before the operator's
    find_own_virtual_key: Callable[[str], VirtualKey | None] = lambda _: None

    def resolve_provider(self, text: str | None) -> ProviderRef:
        """Return the provider that "openai", "@openai" or "@team" names. Planning refuses an unknown name later.

        Raises InvalidRequest when "@name" is both a provider and a virtual key. Raises GatewayMisconfigured when the
        virtual keys are needed and cannot be read.
        """
        name = (text or "").removeprefix("@")
        slug = name.lower() if name.lower() in self.providers else None
        if not name or (slug and name == text):
            return ProviderRef(slug)
        virtual_key = self._find_virtual_key(name)
        if slug and virtual_key:
            raise InvalidRequest(
                f"{quote_value(text)} names a provider and a virtual key. Name the provider without the '@', "
                "or send the virtual key as x-portkey-virtual-key."
            )
        return (
            ProviderRef(virtual_key.provider, virtual_key)
            if virtual_key
            else ProviderRef(slug or name)
        )

    def require_virtual_key(self, name: str) -> VirtualKey:
        """Return the virtual key with that name. Raises InvalidRequest when there is none."""
        virtual_key = self._find_virtual_key(name)
        if virtual_key is None:
            raise InvalidRequest(
                f"There is no virtual key {quote_value(name)}. Check its spelling, or ask the gateway's operator.",
                param="x-portkey-virtual-key",
                code="unknown_virtual_key",
            )
        return virtual_key

    def _find_virtual_key(self, name: str) -> VirtualKey | None:
        own = self.find_own_virtual_key(name)
        return own or find_virtual_key(name, self.load_virtual_keys())

    def split_model(self, text: str | None) -> tuple[str | None, VirtualKey | None]:
        """Return the model without its "@name/" prefix, and the virtual key that the prefix names.

        For a provider, "@openai/m" becomes "openai/m" and there is no virtual key.
        """
        match = _AT_MODEL_PATTERN.fullmatch(text or "")
        if not match:
            return text, None
        provider_ref = self.resolve_provider(f"@{match[1]}")
        if provider_ref.virtual_key or provider_ref.provider not in self.providers:
            return match[2], provider_ref.virtual_key or self.require_virtual_key(match[1])
        return f"{provider_ref.provider}/{match[2]}", None

    def provider_prefix(self, model: str) -> str | None:
        """Return the provider slug that the model id begins with, or None."""
        head, _, rest = model.partition("/")
        return head if rest and head in self.providers else None


@frozen_dataclass
class VirtualKey:
    """A named provider key: the provider, the key and the provider's options."""

    provider: str
    key: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = ""
    grants: tuple[str, ...] = ()  # the callers who may use a key of the operator
    record: VirtualKeyRecord | None = None  # with the limits of a key of a workspace


def parse_virtual_keys(text: str) -> dict[str, VirtualKey]:
    """Return the virtual keys in RETOUCH_VIRTUAL_KEYS by name. Raises GatewayMisconfigured when it is invalid.

    The text is a JSON object: {"name": {"provider", "api_key", "options", "grants"}}.
    """
    try:
        return {
            name: _parse_virtual_key(name, **entry)
            for name, entry in orjson.loads(text or "{}").items()
        }
    except (ValueError, AttributeError, TypeError):
        # `from None`: the original error may show the text, which contains keys.
        raise GatewayMisconfigured(
            "The gateway's virtual keys cannot be read. Tell the gateway's operator.",
            code="gateway_not_configured",
        ) from None


def _parse_virtual_key(
    name: str, /, provider: str, api_key: str = "", options: Any = None, grants: Any = ()
) -> VirtualKey:
    option_texts = {str(option): str(value) for option, value in (options or {}).items()}
    key = api_key.strip()
    if any(map(key_problem, (key, *option_texts.values()))):
        raise ValueError("a key or option that a header cannot carry, or a gateway key")
    slug = provider.removeprefix("@").lower()
    return VirtualKey(slug, key, option_texts, name, tuple(map(str, grants)))


def find_virtual_key(name: str, virtual_keys: Mapping[str, VirtualKey]) -> VirtualKey | None:
    """Return the virtual key with that name, or the only one whose name differs in case only. None without either.

    Raises InvalidRequest when several names differ in case only. The error does not list the names, because knowing a
    name is enough to use its key.
    """
    matching_names = [candidate for candidate in virtual_keys if candidate.lower() == name.lower()]
    if name in virtual_keys:
        return virtual_keys[name]
    if len(matching_names) > 1:
        raise InvalidRequest(
            f"{quote_value(name)} matches several virtual keys that differ in case only. "
            "Write the name as it was saved.",
            param="x-portkey-virtual-key",
        )
    return virtual_keys[matching_names[0]] if matching_names else None
