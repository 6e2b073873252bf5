"""What a caller may pay with: configs and virtual keys of its workspace, and those of the operator that are granted.

The operator grants a saved config or a virtual key with its field `grants`: a list of the names of keys, of
`workspace:<slug>`, or `*` for every key. Without a grant, it is the same for a caller as if it did not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from retouch.core.errors import GatewayMisconfigured
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.portkey_types import CONFIG_ID_PATTERN
from retouch.gateway.routing.saved_configs import unknown_config_error
from retouch.gateway.routing.virtual_keys import VirtualKey, parse_virtual_keys
from retouch.tenants.keys import DEFAULT_WORKSPACE_ID, GatewayKey
from retouch.tenants.reader import TenantReader

VIRTUAL_KEY_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_GRANTS = "grants"
# Fields of a config whose value is a secret, in Portkey's spelling and in that of headers.
_SECRET_NAME = re.compile(r"(.*[_-])?(key|token|secret|password|authorization)", re.I | re.ASCII)
_PLAIN_NAME = "virtual_key"  # a name, which ends like a secret
_LoadConfig = Callable[[str], Mapping[str, Any]]


@frozen_dataclass
class Grants:
    """The configs and virtual keys that one caller may use."""

    key: GatewayKey | None  # None: the operator itself, or a caller of an open gateway
    is_everything_shared: bool
    tenants: TenantReader | None
    load_shared_config: _LoadConfig
    virtual_keys_json: str

    def load_config(self, config_id: str) -> Mapping[str, Any]:
        """Return a saved config. Raises InvalidConfig, equally for one that is not granted."""
        own = self._find_own_config(config_id)
        if own is not None:
            return own
        saved = self.load_shared_config(config_id)
        config = {name: value for name, value in saved.items() if name != _GRANTS}
        if next(find_secrets(config), None) and not self._is_granted(saved.get(_GRANTS)):
            raise unknown_config_error(config_id)
        return config

    def find_own_virtual_key(self, name: str) -> VirtualKey | None:
        """Return a virtual key of the caller's workspace, or None.

        Raises GatewayMisconfigured when the provider's key that it stands for is not stored.
        """
        if self.key is None or self.tenants is None or not VIRTUAL_KEY_SLUG.fullmatch(name):
            return None
        record = self.tenants.find_virtual_key(self.key.workspace.id, name)
        if record is None:
            return None
        secret = self.tenants.read_secret(record)
        if secret is None:
            raise GatewayMisconfigured(
                f"The virtual key '{name}' has no provider key. Save it again.",
                code="gateway_not_configured",
            )
        return VirtualKey(record.provider, secret, record.options, record.slug, record=record)

    def load_granted_virtual_keys(self) -> dict[str, VirtualKey]:
        """Return the operator's virtual keys that are granted to the caller, by name."""
        virtual_keys = parse_virtual_keys(self.virtual_keys_json)
        return {
            name: virtual_key
            for name, virtual_key in virtual_keys.items()
            if self._is_granted(list(virtual_key.grants))
        }

    def _find_own_config(self, config_id: str) -> Mapping[str, Any] | None:
        if self.key is None or self.tenants is None or not CONFIG_ID_PATTERN.fullmatch(config_id):
            return None
        return self.tenants.find_config(self.key.workspace.id, config_id)

    def _is_granted(self, grants: Any) -> bool:
        if self.key is None or self.is_everything_shared:
            return True
        names = {"*", f"workspace:{self.key.workspace.slug}"}
        # In other workspaces, tenants choose the names of their keys.
        if self.key.workspace.id == DEFAULT_WORKSPACE_ID:
            names.add(self.key.name)
        return isinstance(grants, list) and any(grant in names for grant in grants)


def find_secrets(value: Any, path: str = "config") -> Iterator[str]:
    """Yield the path of each field of a config that contains a secret."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            is_secret = _SECRET_NAME.fullmatch(str(name)) and name != _PLAIN_NAME
            if is_secret and isinstance(item, str) and item:
                yield f"{path}.{name}"
            yield from find_secrets(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_secrets(item, f"{path}[{index}]")
