"""How a target's provider is reached: its address, its settings, and the key or identity that pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from retouch.cards import Provider
from retouch.errors import InvalidRequest, Misconfigured, Unauthorized
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.wire.caller import Caller


def connect(target: Target, caller: Caller, settings: Settings) -> Target:
    """Add the provider's settings and key: the caller's own key, else the configured one."""
    provider = target.provider
    options = settings.of_provider(provider.env, provider.settings)
    secrets = settings.of_provider(provider.env, provider.secrets)
    configured = options.pop("api_key", "") or settings.environment.get(provider.key_variable)
    options["base_url"] = (
        options.get("base_url")
        or _located(provider, options)
        or options.get(provider.base_setting)
        or provider.base_url
    )
    if caller.host:  # one that the operator allows
        options["base_url"] = caller.host
    if provider.auth is None:
        return replace(target, options=options)
    key = caller.key or configured
    if (
        caller.key and not provider.locate
    ):  # the operator's organization means nothing to another key
        options = {n: v for n, v in options.items() if n not in provider.portkey.values()}
    # Where an order goes is chosen only by whoever pays for it: a configured key is never sent to a caller's address.
    if caller.key or caller.lent:
        options = _chosen(provider, options, caller.options)
    return replace(
        target,
        options=options,
        key=key,
        key_is_callers=bool(caller.key) and not caller.lent,
        secrets=secrets,
        forward=caller.forward,
    )


def _located(provider: Provider, options: Mapping[str, str]) -> str:
    """The address by the operator's settings, "" when too few. Misconfigured where one is not what it should be."""
    try:
        return provider.locate(options) if provider.locate else ""
    except InvalidRequest as wrong:
        raise Misconfigured(f"{wrong} Tell the gateway's operator.") from None


def _chosen(
    provider: Provider, options: dict[str, str], wanted: Mapping[str, str]
) -> dict[str, str]:
    """The settings with what came with the key instead. InvalidRequest where that makes no address."""
    said = {provider.portkey[name]: wanted[name] for name in provider.portkey if name in wanted}
    chosen = {**options, **said}
    base = provider.locate(chosen) if said and provider.locate else ""
    return {**chosen, "base_url": base or options["base_url"]}


def check(target: Target) -> Target:
    """The target, if it can be asked. Misconfigured (no address) or Unauthorized (nobody to pay)."""
    provider = target.provider
    if provider.auth is None:
        return target
    if not target.options["base_url"]:
        needed = (provider.settings or (provider.base_setting,))[0]
        raise Misconfigured(
            f"{provider.title} has no address: set {provider.env}_{needed.upper()} on the gateway."
        )
    if not target.key and not provider.auth.identity:
        raise Unauthorized(
            f"No key for {provider.title}: send it as 'Authorization: Bearer ...' "
            f"or set {provider.env}_API_KEY on the gateway."
        )
    return target


def lone_target(provider: Provider) -> Target:
    """A target for calls that are about the provider itself."""
    card = provider.model(provider.default_model)
    assert card is not None, "a provider's default model has a card"
    return Target(provider, card, card)
