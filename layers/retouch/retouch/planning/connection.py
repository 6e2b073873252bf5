"""The connection to a provider: its base URL, its settings, and the key or identity that pays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from retouch.core.capabilities import API_KEY_SETTING, Provider
from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import GatewayMisconfigured, InvalidRequest, Unauthorized
from retouch.core.frozen_dataclass import replace
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import InvalidSetting, Settings

_DEFAULT_PORTS = {"http": 80, "https": 443}
# The development server signs the requests to its own S3 with this name when there are no credentials of AWS.
LOCAL_ACCESS_KEY = "local-s3"
_LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1", "0.0.0.0"))  # noqa: S104


def resolve_connection(
    resolved: ResolvedModel, credentials: ClientCredentials, settings: Settings
) -> ResolvedModel:
    """Return the resolved model with the provider's settings, and with the caller's key or else the configured key."""
    provider = resolved.provider
    options = provider.read_settings(settings.environment, provider.settings)
    secrets = provider.read_settings(settings.environment, provider.secrets)
    configured_key = options.pop(API_KEY_SETTING, None)
    options["base_url"] = (
        options.get("base_url")
        or _base_url_from_settings(provider, options)
        or options.get(provider.base_url_setting)
        or provider.base_url
    )
    operator_base_url = options["base_url"]
    if credentials.custom_host:  # the operator allows this host
        options["base_url"] = credentials.custom_host
    _require_other_addresses(provider, options, settings)
    if provider.auth is None:
        return _name_circuit(replace(resolved, options=options), credentials, operator_base_url)
    key = credentials.key or configured_key
    # The operator's organization does not apply to another key.
    if credentials.key and not provider.resolve_base_url:
        options = {n: v for n, v in options.items() if n not in provider.portkey_settings.values()}
    # Only the owner of the key may choose the address: the gateway never sends a configured key to a caller's address.
    if credentials.key or credentials.is_virtual_key:
        options = _apply_caller_options(provider, options, credentials.options)
    connected = replace(
        resolved,
        options=options,
        key=key,
        is_client_key=bool(credentials.key) and not credentials.is_virtual_key,
        identity_secrets=secrets,
        forwarded_headers=credentials.forwarded_headers,
    )
    return _name_circuit(connected, credentials, operator_base_url)


def reject_own_address(providers: Iterable[Provider], settings: Settings) -> None:
    """Raise InvalidSetting when a setting is the address of the gateway, which would then call itself."""
    for provider in providers:
        found = provider.read_settings(settings.environment, provider.settings)
        for name in found:
            if is_own_address(found[name], settings):
                variables = provider.variables(name)
                raise _own_address_error(next(v for v in variables if settings.environment.get(v)))
    for _, base_url in settings.custom_hosts:
        if is_own_address(base_url, settings):
            raise _own_address_error("RETOUCH_CUSTOM_HOSTS")


def _own_address_error(variable: str) -> InvalidSetting:
    return InvalidSetting(
        f"{variable} is the address of the gateway itself. "
        "Set it to the address of the provider, or remove it."
    )


def is_own_address(url: str, settings: Settings) -> bool:
    """Return whether a URL leads to the gateway itself, as far as RETOUCH_BASE_URL names its address."""
    if "://" not in url or not settings.base_url:
        return False
    try:
        (origin, path), (own_origin, own_path) = _address(url), _address(settings.base_url)
    except ValueError:  # an invalid port or IPv6 address, which the HTTP client refuses
        return False
    return origin == own_origin and f"{path}/".startswith(f"{own_path}/")


def _address(url: str) -> tuple[tuple[str, int | None], str]:
    """Return the host and the port of a URL, and its path. The names of this machine count as one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = "localhost" if host in _LOOPBACK_NAMES else host
    return (host, parts.port or _DEFAULT_PORTS.get(parts.scheme)), parts.path.rstrip("/")


def _require_other_addresses(
    provider: Provider, options: Mapping[str, str], settings: Settings
) -> None:
    """Raise GatewayMisconfigured when an address is the gateway's own. A secret can set it after the start."""
    if any(is_own_address(value, settings) for value in options.values()):
        raise GatewayMisconfigured(
            f"The address of {provider.title} is the gateway itself. Tell the gateway's operator."
        )


def _name_circuit(
    resolved: ResolvedModel, credentials: ClientCredentials, operator_base_url: str
) -> ResolvedModel:
    """Return the model with the name of its circuit.

    The circuit of the operator's base URL has the name of the provider, plus the region if the provider has several.
    Another base URL comes from a virtual key: its circuit has a digest in its name. A base URL that comes with the
    caller's own key, and a custom host, have no circuit, because no other request goes there.
    """
    base_url, name = resolved.options["base_url"], resolved.provider.name
    if credentials.custom_host or (base_url != operator_base_url and resolved.is_client_key):
        return resolved
    if base_url != operator_base_url:
        digest = sha256(base_url.encode()).hexdigest()[:8]
        return replace(resolved, circuit=f"{name}/{digest}")
    region = resolved.options.get("region") or resolved.options.get("location")
    return replace(resolved, circuit=f"{name}/{region}" if region else name)


def _base_url_from_settings(provider: Provider, options: Mapping[str, str]) -> str:
    """Return the base URL made from the operator's settings, or "" when settings are missing.

    Raises GatewayMisconfigured when a setting is invalid.
    """
    try:
        return provider.resolve_base_url(options) if provider.resolve_base_url else ""
    except InvalidRequest as error:
        raise GatewayMisconfigured(f"{error} Tell the gateway's operator.") from None


def _apply_caller_options(
    provider: Provider, options: dict[str, str], caller_options: Mapping[str, str]
) -> dict[str, str]:
    """Return the settings, overridden by the options that came with the caller's key.

    Raises InvalidRequest when the options do not make a valid base URL.
    """
    overrides = {
        provider.portkey_settings[name]: caller_options[name]
        for name in provider.portkey_settings
        if name in caller_options
    }
    merged = {**options, **overrides}
    base_url = provider.resolve_base_url(merged) if overrides and provider.resolve_base_url else ""
    return {**merged, "base_url": base_url or options["base_url"]}


def require_connection(resolved: ResolvedModel) -> ResolvedModel:
    """Return the resolved model if its provider can be called.

    Raises GatewayMisconfigured when the provider has no base URL, and Unauthorized when it has no key and no identity.
    """
    provider = resolved.provider
    if provider.auth is None:
        return resolved
    if not resolved.options["base_url"]:
        setting = (provider.settings or (provider.base_url_setting,))[0]
        raise GatewayMisconfigured(
            f"{provider.title} has no address: set {provider.env_prefix}_{setting.upper()} on the gateway."
        )
    if not resolved.key and not provider.auth.identity:
        raise Unauthorized(
            f"No key for {provider.title}: send it as 'Authorization: Bearer ...' "
            f"or set {provider.env_prefix}_API_KEY on the gateway. A placeholder such as 'none' is not a key. "
            "The model local/erase needs none, and dry_run=true checks a request without a key."
        )
    return resolved


def is_configured(resolved: ResolvedModel, settings: Settings) -> bool:
    """Return whether the gateway has a credential: a key, secrets, or the identity of the machine it runs on.

    The AWS role needs no setting. The Google identity needs a project.
    """
    auth = resolved.provider.auth
    if auth is None or resolved.key or resolved.identity_secrets:
        return True
    if auth.identity == "aws":
        return settings.environment.get("AWS_ACCESS_KEY_ID") != LOCAL_ACCESS_KEY
    return auth.identity == "gcp" and "project" in resolved.options


def provider_target(provider: Provider) -> ResolvedModel:
    """Return the provider's default model, for calls that concern the provider itself."""
    model = provider.find_model(provider.default_model)
    assert model is not None, "a provider lists its default model"
    return ResolvedModel(provider, model, model)
