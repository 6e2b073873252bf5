"""Who pays at one target, and what of the provider's own settings goes with that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from retouch.cards import KEY, Provider
from retouch.errors import InvalidRequest, Misconfigured
from retouch.routing.problems import InvalidConfig
from retouch.routing.saved import VirtualKey
from retouch.routing.tree import Leaf
from retouch.specs import shown
from retouch.wire.portkey import PREFIX

TARGET, REQUEST, OPERATOR = (
    "the target's own key",
    "the request's own key",
    "the gateway's operator",
)
_REMEDIES = {
    TARGET: "Write it beside that key in the config, or leave it out.",
    REQUEST: "Leave it out.",
    OPERATOR: "Send a key of your own with it, or leave it out.",
}
_SAVED = "What goes with a virtual key is saved with it; leave it out."


@dataclass(frozen=True, slots=True)
class Payer:
    """Somebody who pays at a provider: the key, and the options that came with it, by their headers' names."""

    who: str  # in words
    provider: Provider  # whom the key is for
    key: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    virtual: VirtualKey | None = None


def operators(provider: Provider) -> Payer:
    """The operator, whose key or identity is in the gateway's settings. Nobody chooses where that goes."""
    return Payer(OPERATOR, provider)


def lent(virtual: VirtualKey, provider: Provider) -> Payer:
    """A virtual key, with its own options. Misconfigured for one that its provider is not told."""
    for name in virtual.options:
        if name not in provider.portkey:
            raise Misconfigured(
                f"The virtual key {shown(virtual.name)} has the option {shown(name)}, which {provider.title} is not "
                "told. Tell the gateway's operator.",
                code="gateway_not_configured",
            )
    key, options = _key_among(virtual.options, provider)
    who = f"the virtual key {shown(virtual.name)}"
    return Payer(who, provider, virtual.key or key, options, virtual)


def own(who: str, provider: Provider, key: str | None, options: Mapping[str, str]) -> Payer | None:
    """Who brings a key, also one that comes as an option; None without either.

    InvalidRequest with both, and for an option that makes no address.
    """
    token, rest = _key_among(options, provider)
    if key and token:
        (name,) = options.keys() - rest.keys()
        raise InvalidRequest(
            f"'{name}' is a key for {provider.title}, and there is another one. Send one of them.",
            param=f"{PREFIX}{name}",
        )
    if not (key or token):
        return None
    if provider.locate:  # which refuses what is no part of an address
        provider.locate({provider.portkey.get(name, ""): value for name, value in rest.items()})
    return Payer(who, provider, key or token, rest)


def _key_among(options: Mapping[str, str], provider: Provider) -> tuple[str | None, dict[str, str]]:
    """The key that is an option, as azure-ad-token is, and the options that are none. InvalidRequest for no token."""
    rest = {name: value for name, value in options.items() if provider.portkey.get(name) != KEY}
    token = next((options[name] for name in options if name not in rest), None)
    tokens = provider.auth.tokens if provider.auth else ()
    if token and not token.startswith(tokens):
        (name,) = options.keys() - rest.keys()
        raise InvalidRequest(
            f"The value of '{name}' is no access token for {provider.title}: that begins with "
            f"{' or '.join(tokens)}. Send one, or an API key as 'Authorization: Bearer ...'.",
            param=f"{PREFIX}{name}",
        )
    return token, rest


def check_header(name: str, payer: Payer) -> None:
    """InvalidRequest for a header's option that is about the payer's provider and does not apply there."""
    applies = payer.who == REQUEST and name in payer.provider.portkey
    if name.startswith(payer.provider.family) and not applies:
        raise InvalidRequest(f"{PREFIX}{name} {_why(name, payer)}", param=f"{PREFIX}{name}")


def check_config(name: str, leaf: Leaf, payer: Payer) -> None:
    """InvalidConfig for a target's own option that does not apply there, whomever it is about."""
    if payer.who not in (TARGET, REQUEST) or name not in payer.provider.portkey:
        raise InvalidConfig(path(leaf, name), _why(name, payer).rstrip("."))


def path(leaf: Leaf, name: str) -> str:
    """Where a target's option stands: "config.targets[1].azure_api_version"."""
    return f"{leaf.path}.{name.replace('-', '_')}"


def _why(name: str, payer: Payer) -> str:
    provider = payer.provider
    if name not in provider.portkey:
        remedy = provider.remedies.get(name, "Leave it out.")
        return f"is not taken for {provider.title}. {remedy}"
    remedy = _REMEDIES.get(payer.who, _SAVED)
    return f"goes only with the key it came with, and {payer.who} pays {provider.title}. {remedy}"
