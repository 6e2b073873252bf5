"""The defaults of keys and workspaces in the admin API."""

from __future__ import annotations

from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.core.portkey_types import CONFIG_ID_PATTERN
from retouch.tenants.keys import KeyDefaults


def read_defaults(fields: FieldReader) -> KeyDefaults:
    """Return the `defaults` of a body. Raises InvalidRequest."""
    defaults = fields.child("defaults")
    if defaults is None:
        return KeyDefaults()
    config_id = defaults.text("config_id", 67)
    if config_id and not CONFIG_ID_PATTERN.fullmatch(config_id):
        raise defaults.error("config_id", "must be the id of a saved config, such as pc-shop")
    metadata = defaults.text_map("metadata")
    may_override = defaults.flag("allow_config_override") or not defaults.has(
        "allow_config_override"
    )
    defaults.reject_unknown()
    return KeyDefaults(metadata=metadata, config_id=config_id, allow_config_override=may_override)


def show_defaults(defaults: KeyDefaults) -> dict[str, Any]:
    """Return defaults as the API shows them."""
    return {
        "metadata": dict(defaults.metadata),
        "config_id": defaults.config_id or None,
        "allow_config_override": defaults.allow_config_override,
    }
