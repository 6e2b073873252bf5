"""What an edit reads of tenants: keys, virtual keys with their secrets, and saved configs. Each is cached."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from retouch.core.clock import Clock
from retouch.core.concurrency.timed_cache import TimedCache
from retouch.tenants import rows
from retouch.tenants.keys import (
    DEFAULT_WORKSPACE,
    DEFAULT_WORKSPACE_ID,
    GatewayKey,
    VirtualKeyRecord,
    Workspace,
)
from retouch.tenants.table import TenantStores

_RECORD_SECONDS = 60.0  # the longest time until a change or a revocation has an effect
_SECRET_SECONDS = 300.0


class TenantReader:
    """The tenants of the stack, at most a minute old. Every method raises TenantsUnavailable."""

    def __init__(self, stores: TenantStores, clock: Clock) -> None:
        self._stores, self._clock = stores, clock
        self._keys = TimedCache[str, GatewayKey | None](clock, _RECORD_SECONDS)
        self._keys_by_id = TimedCache[str, GatewayKey | None](clock, _RECORD_SECONDS)
        self._workspaces = TimedCache[str, Workspace | None](clock, _RECORD_SECONDS)
        self._virtual_keys = TimedCache[tuple[str, str], VirtualKeyRecord | None](
            clock, _RECORD_SECONDS
        )
        self._configs = TimedCache[tuple[str, str], Mapping[str, Any] | None](
            clock, _RECORD_SECONDS, max_items=256
        )
        self._secrets = TimedCache[tuple[str, str, int], str | None](clock, _SECRET_SECONDS)

    def find_key(self, digest: str) -> GatewayKey | None:
        """Return the key that a digest opens, or None."""
        now = self._clock.unix_time()
        key = self._keys.get(
            digest, lambda: rows.find_key_by_digest(self._stores.table, digest, now)
        )
        return key if key and not is_expired(key.expires_at, now) else None

    def find_key_by_id(self, key_id: str) -> GatewayKey | None:
        """Return the key with an id, for an event that names whose budget and limits apply, or None."""
        key = self._keys_by_id.get(key_id, lambda: rows.find_key_by_id(self._stores.table, key_id))
        return key if key and not is_expired(key.expires_at, self._clock.unix_time()) else None

    def default_workspace(self) -> Workspace:
        """Return the default workspace, with the limits that it was given."""
        load = partial(rows.read_workspace, self._stores.table, DEFAULT_WORKSPACE_ID)
        return self._workspaces.get(DEFAULT_WORKSPACE_ID, load) or DEFAULT_WORKSPACE

    def find_virtual_key(self, workspace_id: str, slug: str) -> VirtualKeyRecord | None:
        """Return a virtual key of a workspace, or None."""
        now = self._clock.unix_time()
        found = self._virtual_keys.get(
            (workspace_id, slug),
            lambda: rows.find_virtual_key(self._stores.table, workspace_id, slug),
        )
        return found if found and not is_expired(found.expires_at, now) else None

    def read_secret(self, virtual_key: VirtualKeyRecord) -> str | None:
        """Return the provider's key that a virtual key stands for. A changed record has a new one."""
        place = virtual_key.workspace_id, virtual_key.slug
        name = (*place, virtual_key.last_updated_at)
        secret = self._secrets.get(name, lambda: self._stores.secrets.get(*place))
        if secret is None:  # it may be stored in a moment
            self._secrets.drop(name)
        return secret

    def find_config(self, workspace_id: str, slug: str) -> Mapping[str, Any] | None:
        """Return a saved config of a workspace, or None."""
        return self._configs.get(
            (workspace_id, slug), lambda: self._load_config(workspace_id, slug)
        )

    def _load_config(self, workspace_id: str, slug: str) -> Mapping[str, Any] | None:
        row = self._stores.table.read(rows.configs_partition(workspace_id), slug)
        return row.record["config"] if row and row.record["status"] == "active" else None


def is_expired(expires_at: int | None, now: int) -> bool:
    """Return whether this time is over."""
    return expires_at is not None and now >= expires_at
