"""The table of tenants and the store of their secrets, as this package uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from retouch.core.errors import Fault
from retouch.core.frozen_dataclass import frozen_dataclass


class TenantsUnavailable(Fault):
    """The table of tenants or the store of their secrets cannot be used."""

    status = 503
    code = "tenants_unavailable"
    retryable = True


@frozen_dataclass
class TenantRow:
    """One row: a record under a partition and a name."""

    partition: str
    name: str
    record: dict[str, Any]
    expires: int | None = None  # UNIX time after which the table may remove the row
    version: str = ""  # made by the writer; empty for a row that was never stored


@frozen_dataclass
class RowWrite:
    """A write of one row, if `replaces` is still stored. None: if there is no such row."""

    row: TenantRow
    replaces: TenantRow | None = None
    is_deletion: bool = False


class TenantTable(Protocol):
    """The rows of all tenants. Every method raises TenantsUnavailable."""

    def read(self, partition: str, name: str) -> TenantRow | None:
        """Return the row as it was last written, or None."""

    def list(self, partition: str) -> Sequence[TenantRow]:
        """Return the rows of a partition by name."""

    def write(self, writes: Sequence[RowWrite]) -> None:
        """Make all writes or none. Raises WriteConflict."""


class ProviderSecrets(Protocol):
    """The providers' keys that virtual keys stand for. Every method raises TenantsUnavailable."""

    def put(self, workspace_id: str, slug: str, secret: str) -> None:
        """Store or replace a key."""

    def get(self, workspace_id: str, slug: str) -> str | None:
        """Return a key, or None."""

    def delete(self, workspace_id: str, slug: str) -> None:
        """Delete a key if there is one."""


@frozen_dataclass
class TenantStores:
    """Where tenants are stored."""

    table: TenantTable
    secrets: ProviderSecrets
