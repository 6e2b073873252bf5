"""Chooses the stores of tenants from the settings. A cold start loads only the modules in use."""

from __future__ import annotations

from retouch.core.settings import Settings
from retouch.infrastructure.aws.clients import AwsClients
from retouch.tenants.table import TenantStores


def tenant_stores(settings: Settings, aws: AwsClients) -> TenantStores | None:
    """Return the stores that the settings name, or None."""
    if settings.tenants_table:
        from retouch.infrastructure.aws.tenant_parameters import ProviderParameters
        from retouch.infrastructure.aws.tenant_table import TenantDynamoTable

        return TenantStores(
            TenantDynamoTable(settings.tenants_table, aws),
            ProviderParameters(settings.virtual_keys_path, aws),
        )
    if settings.tenants_folder:
        from retouch.infrastructure.local.tenant_folder import SecretFolder, TenantFolderTable

        folder = settings.tenants_folder
        return TenantStores(TenantFolderTable(folder), SecretFolder(folder))
    return None
