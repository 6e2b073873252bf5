"""The base URLs that requests may use instead of a provider's own, and the keys that may be sent there.

The operator binds a custom host to a provider. It then gets the keys for that provider. A custom host without a
provider gets only a key of the party that chose the host: the caller's own key, or the key in the same saved config.
"""

from __future__ import annotations

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.settings import Settings
from retouch.gateway.routing.credential_resolver import TargetCredentials
from retouch.gateway.routing.credential_rules import SOURCE_REQUEST, SOURCE_TARGET


def allowed_custom_host(
    found: TargetCredentials, header_host: str | None, is_saved_config: bool, settings: Settings
) -> str | None:
    """Return the base URL that was requested for a target. `header_host` is that of the request's headers.

    Raises InvalidRequest when the operator does not allow it for the target's provider or for its key.
    """
    target, provider = found.routed_target.target, found.serving_provider.serving
    host = (target.custom_host or header_host or "").rstrip("/")
    if not host:
        return None
    providers = [name for name, base_url in settings.custom_hosts if base_url == host]
    if not providers:
        raise _not_allowed_error(host, "is not allowed by the operator of this gateway")
    if provider.name in providers or not provider.auth:
        return host
    if "" not in providers:
        raise _not_allowed_error(host, f"is not allowed for {provider.title}")
    is_key_of_chooser = found.credential.source == SOURCE_REQUEST or (
        found.credential.source == SOURCE_TARGET and (target.custom_host or not is_saved_config)
    )
    if not is_key_of_chooser:
        raise _not_allowed_error(
            host,
            f"gets no key of {found.credential.source}, because the operator did not bind it to {provider.title}",
            "Send a key of your own, or leave the host out.",
        )
    return host


def _not_allowed_error(host: str, rule: str, remedy: str = "Leave it out.") -> InvalidRequest:
    return InvalidRequest(
        f"The custom host {quote_value(host)} {rule}. {remedy}",
        param="x-portkey-custom-host",
        code="custom_host_not_allowed",
    )
