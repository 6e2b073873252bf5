"""The defaults of a gateway key and of its workspace: the config and the metadata of requests that name none."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.errors import InvalidRequest
from retouch.core.portkey_types import PortkeyHeaders
from retouch.tenants.keys import GatewayKey


class ConfigOverrideNotAllowed(InvalidRequest):
    """The gateway key has a config, and its requests may not name another one."""

    status = 403
    code = "config_override_not_allowed"


def apply_key_defaults(portkey: PortkeyHeaders, key: GatewayKey | None) -> PortkeyHeaders:
    """Return the headers with the defaults of the key. Raises ConfigOverrideNotAllowed."""
    if key is None:
        return portkey
    own, shared = key.defaults, key.workspace.defaults
    may_override = own.allow_config_override and shared.allow_config_override
    if portkey.config is not None and not may_override:
        raise ConfigOverrideNotAllowed(
            "Requests with this key may not name a config, because the key has one. Leave x-portkey-config out.",
            param="x-portkey-config",
        )
    config_id = own.config_id or shared.config_id
    if not (config_id or own.metadata or shared.metadata):
        return portkey
    return replace(
        portkey,
        config=portkey.config if portkey.config is not None else config_id or None,
        metadata={**shared.metadata, **own.metadata, **portkey.metadata},
    )
