"""Gateways that receive events."""

from dataclasses import replace

import pytest

from retouch.infrastructure.local.tenant_folder import SecretFolder, TenantFolderTable
from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.reader import TenantReader
from retouch.tenants.rows import key_row, workspace_row
from retouch.tenants.table import RowWrite, TenantStores
from tests.support.event_gateway import EventGateway
from tests.support.upstream import Upstream


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield EventGateway(upstream)


@pytest.fixture
def keyed_gateway(gateway, tmp_path):
    """Return a gateway with a key of the id k_shop in a workspace."""
    stores = TenantStores(TenantFolderTable(str(tmp_path)), SecretFolder(str(tmp_path)))
    key = GatewayKey(id="k_shop", name="shop", workspace=Workspace(id="w_1", slug="s", name="s"))
    writes = [RowWrite(workspace_row(key.workspace), None), RowWrite(key_row(key), None)]
    stores.table.write(writes)
    gateway.services = replace(gateway.services, tenants=TenantReader(stores, gateway.clock))
    gateway.restart()
    return gateway
