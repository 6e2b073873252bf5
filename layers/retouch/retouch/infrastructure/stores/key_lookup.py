"""The lookup of gateway keys: in the table of tenants, and then in the table of keys that have only a name."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.clock import Clock
from retouch.core.settings import Settings
from retouch.gateway.authentication import KeyLookup
from retouch.infrastructure.aws.api_key_table import ApiKeyTable
from retouch.infrastructure.aws.clients import AwsClients
from retouch.tenants.keys import GatewayKey
from retouch.tenants.reader import TenantReader


def key_lookup(
    settings: Settings, clock: Clock, aws: AwsClients, tenants: TenantReader | None
) -> KeyLookup:
    """Return the lookup in the tables that the settings name."""
    find_plain_key = ApiKeyTable(settings, clock, aws)
    if tenants is None:
        return find_plain_key

    def find_key(digest: str) -> GatewayKey | None:
        key = tenants.find_key(digest)
        if key is None and (key := find_plain_key(digest)):
            return replace(key, workspace=tenants.default_workspace())
        return key

    return find_key
