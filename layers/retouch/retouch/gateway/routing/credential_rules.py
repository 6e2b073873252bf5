"""The credential that one target uses: a key, and the provider options that go with that key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from retouch.core.capabilities import API_KEY_SETTING, Provider
from retouch.core.errors import GatewayMisconfigured, InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.core.portkey_types import PORTKEY_PREFIX
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing.tree import Target
from retouch.gateway.routing.virtual_keys import VirtualKey

SOURCE_TARGET, SOURCE_REQUEST, SOURCE_OPERATOR = (
    "the target's own key",
    "the request's own key",
    "the gateway's operator",
)
_SOURCE_REMEDIES = {
    SOURCE_TARGET: "Write it next to that key in the config, or leave it out.",
    SOURCE_REQUEST: "Leave it out.",
    SOURCE_OPERATOR: "Send a key of your own with it, or leave it out.",
}
_VIRTUAL_KEY_REMEDY = "The options of a virtual key are saved with it; leave it out."


@frozen_dataclass
class Credential:
    """A credential for a provider: the key, and the options that came with it, by header name."""

    source: str  # a phrase for error messages
    provider: Provider  # the provider that the key is for
    key: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    virtual_key: VirtualKey | None = None


def operator_credential(provider: Provider) -> Credential:
    """Return the operator's credential from the gateway's settings. No request can change where it is sent."""
    return Credential(SOURCE_OPERATOR, provider)


def credential_from_virtual_key(virtual_key: VirtualKey, provider: Provider) -> Credential:
    """Return the credential of a virtual key, with its options.

    Raises GatewayMisconfigured when the provider does not have one of the options.
    """
    for name in virtual_key.options:
        if name not in provider.portkey_settings:
            raise GatewayMisconfigured(
                f"The virtual key {quote_value(virtual_key.name)} has the option {quote_value(name)}, "
                f"which is not an option of {provider.title}. Tell the gateway's operator.",
                code="gateway_not_configured",
            )
    key, options = _split_key_option(virtual_key.options, provider)
    source = f"the virtual key {quote_value(virtual_key.name)}"
    return Credential(source, provider, virtual_key.key or key, options, virtual_key)


def credential_from_key(
    source: str, provider: Provider, key: str | None, options: Mapping[str, str]
) -> Credential | None:
    """Return the credential for a key, or for an option that is a key. Returns None when there is neither.

    Raises InvalidRequest when there are both, and when an option does not give a valid base URL.
    """
    token, other_options = _split_key_option(options, provider)
    if key and token:
        (name,) = options.keys() - other_options.keys()
        raise InvalidRequest(
            f"'{name}' is a key for {provider.title}, and there is another key. Send one of them.",
            param=f"{PORTKEY_PREFIX}{name}",
        )
    if not (key or token):
        return None
    if provider.resolve_base_url:
        # raises InvalidRequest when an option is not a valid part of a base URL
        provider.resolve_base_url(
            {
                provider.portkey_settings.get(name, ""): value
                for name, value in other_options.items()
            }
        )
    return Credential(source, provider, key or token, other_options)


def _split_key_option(
    options: Mapping[str, str], provider: Provider
) -> tuple[str | None, dict[str, str]]:
    """Return the option that is a key, such as azure-ad-token, and the other options.

    Raises InvalidRequest when that option is not an access token.
    """
    other_options = {
        name: value
        for name, value in options.items()
        if provider.portkey_settings.get(name) != API_KEY_SETTING
    }
    token = next((options[name] for name in options if name not in other_options), None)
    token_prefixes = provider.auth.bearer_key_prefixes if provider.auth else ()
    if token and not token.startswith(token_prefixes):
        (name,) = options.keys() - other_options.keys()
        raise InvalidRequest(
            f"The value of '{name}' is not an access token for {provider.title}: a token begins with "
            f"{' or '.join(token_prefixes)}. Send one, or an API key as 'Authorization: Bearer ...'.",
            param=f"{PORTKEY_PREFIX}{name}",
        )
    return token, other_options


def check_header_option(name: str, credential: Credential) -> None:
    """Raise InvalidRequest when a header's option is for the credential's provider but cannot be used with it."""
    applies = credential.source == SOURCE_REQUEST and name in credential.provider.portkey_settings
    if name.startswith(credential.provider.header_prefixes) and not applies:
        raise InvalidRequest(
            f"{PORTKEY_PREFIX}{name} {_option_problem(name, credential)}",
            param=f"{PORTKEY_PREFIX}{name}",
        )


def check_config_option(name: str, target: Target, credential: Credential) -> None:
    """Raise InvalidConfig when a target has an option that cannot be used with its credential."""
    if (
        credential.source not in (SOURCE_TARGET, SOURCE_REQUEST)
        or name not in credential.provider.portkey_settings
    ):
        raise InvalidConfig(
            option_path(target, name), _option_problem(name, credential).rstrip(".")
        )


def option_path(target: Target, name: str) -> str:
    """Return the path of a target's option, for example "config.targets[1].azure_api_version"."""
    return f"{target.path}.{name.replace('-', '_')}"


def _option_problem(name: str, credential: Credential) -> str:
    provider = credential.provider
    if name not in provider.portkey_settings:
        remedy = provider.refused_headers.get(name, "Leave it out.")
        return f"is not an option of {provider.title}. {remedy}"
    remedy = _SOURCE_REMEDIES.get(credential.source, _VIRTUAL_KEY_REMEDY)
    return f"applies only to the key it came with, and {credential.source} pays {provider.title}. {remedy}"
