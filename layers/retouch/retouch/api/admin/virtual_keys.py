"""Virtual keys: /v1/virtual-keys, and the same at /v1/providers. A workspace lends a provider's key under a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.limit_fields import reset_usage
from retouch.api.admin.request import (
    AdminRequest,
    AdminResponse,
    AdminServices,
    list_document,
    not_found,
    resource_document,
)
from retouch.api.admin.slugs import make_slug
from retouch.api.admin.virtual_key_fields import (
    mask_secret,
    read_provider,
    read_secret,
    read_virtual_key_changes,
    virtual_key_document,
)
from retouch.api.admin.workspaces import (
    all_workspaces,
    find_workspace,
    requested_workspace,
)
from retouch.api.admin.writes import (
    Conflict,
    audit_entry,
    find_created,
    write_rows,
    writes_that_forget_creation,
)
from retouch.core.capabilities import Provider
from retouch.core.errors import Fault, InvalidRequest
from retouch.gateway.routing.grants import VIRTUAL_KEY_SLUG
from retouch.tenants import rows
from retouch.tenants.keys import VirtualKeyRecord, Workspace
from retouch.tenants.records import from_record
from retouch.tenants.table import RowWrite, TenantRow

_KIND = "virtual-key"


def create_virtual_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Save a provider's key under a name. No answer shows the key."""
    _require_scope(request, "create")
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    workspace = requested_workspace(fields.text("workspace_id", 64), request, services)
    if created := find_created(request, services):
        record, row = _find(created, request, services, workspace)
        if (
            record.last_updated_at == record.created_at
        ):  # the earlier request may have died before this
            secret = read_secret(fields, _provider(record, services))
            services.tenants.secrets.put(workspace.id, record.slug, secret)
        return 200, _response(record, now)
    provider = read_provider(fields, services.providers)
    secret, name = read_secret(fields, provider), fields.required_text("name", 128)
    record = VirtualKeyRecord(
        slug=_read_slug(fields, name, services),
        workspace_id=workspace.id,
        name=name,
        provider=provider.name,
        masked_key=mask_secret(secret),
        created_at=now,
        last_updated_at=now,
    )
    record = replace(record, **read_virtual_key_changes(fields, provider, record))
    fields.reject_unknown()
    if services.tenants.table.read(rows.virtual_keys_partition(workspace.id), record.slug):
        raise Conflict(
            f"There is already a virtual key '{record.slug}'. Choose another slug.", param="slug"
        )
    place = (workspace.id, record.slug)
    entry = audit_entry(
        request, "virtual_key.create", place, None, virtual_key_document(record, now)
    )
    row = rows.virtual_key_row(record)
    write_rows(request, services, [RowWrite(row)], [entry], record.slug)
    _store_new_secret(row, secret, request, services)
    return 200, _response(record, now)


def list_virtual_keys(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """List the virtual keys of the workspaces that the key may see."""
    _require_scope(request, "list")
    now = services.clock.unix_time()
    documents = [
        virtual_key_document(from_record(VirtualKeyRecord, row.record), now)
        for workspace in visible_workspaces(request, services)
        for row in services.tenants.table.list(rows.virtual_keys_partition(workspace.id))
    ]
    return 200, list_document(documents, request.query)


def get_virtual_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Return a virtual key, with its provider's key masked."""
    _require_scope(request, "read")
    record, _ = _find(request.path_values["slug"], request, services)
    return 200, _response(record, services.clock.unix_time())


def update_virtual_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Change the fields that the body names, also the provider's key."""
    _require_scope(request, "update")
    record, row = _find(request.path_values["slug"], request, services)
    fields, now = FieldReader(request.body()), services.clock.unix_time()
    provider = _provider(record, services)
    secret = read_secret(fields, provider) if fields.raw("key") is not None else ""
    # A changed time leads every function to the new key.
    changed = replace(
        record,
        **read_virtual_key_changes(fields, provider, record),
        last_updated_at=max(now, record.last_updated_at + 1),
    )
    if secret:
        changed = replace(changed, masked_key=mask_secret(secret))
    if fields.flag("reset_usage"):
        changed = replace(changed, usage_limits=reset_usage(changed.usage_limits))
    fields.reject_unknown("slug", "workspace_id", "provider", "integration_id")
    before, after = virtual_key_document(record, now), virtual_key_document(changed, now)
    place = (record.workspace_id, record.slug)
    entry = audit_entry(request, "virtual_key.update", place, before, after)
    write_rows(request, services, [RowWrite(rows.virtual_key_row(changed), row)], [entry])
    if secret:
        services.tenants.secrets.put(*place, secret)
    return 200, _response(changed, now)


def delete_virtual_key(request: AdminRequest, services: AdminServices) -> AdminResponse:
    """Delete a virtual key and the provider's key behind it."""
    _require_scope(request, "delete")
    record, row = _find(request.path_values["slug"], request, services)
    place = (record.workspace_id, record.slug)
    before = virtual_key_document(record, services.clock.unix_time())
    entry = audit_entry(request, "virtual_key.delete", place, before, None)
    write_rows(request, services, [RowWrite(row, row, is_deletion=True)], [entry])
    services.tenants.secrets.delete(*place)
    return 200, {"success": True, "slug": record.slug, "object": _KIND, "deleted": True}


def visible_workspaces(request: AdminRequest, services: AdminServices) -> list[Workspace]:
    """Return the workspace that the query names, or else every one that the key may see."""
    wanted = request.query.get("workspace_id", "")
    if wanted:
        return [find_workspace(wanted, request, services)]
    return [each for each in all_workspaces(services) if request.can_see(each.id)]


def _store_new_secret(
    row: TenantRow, secret: str, request: AdminRequest, services: AdminServices
) -> None:
    """Store the key of a new record. Without it, the record is removed again."""
    workspace_id = row.partition.partition("#")[2]
    try:
        services.tenants.secrets.put(workspace_id, row.name, secret)
    except Fault:
        stored = services.tenants.table.read(row.partition, row.name)
        if stored:
            removal = RowWrite(stored, stored, is_deletion=True)
            services.tenants.table.write([removal, *writes_that_forget_creation(request, services)])
        raise


def _find(
    slug: str,
    request: AdminRequest,
    services: AdminServices,
    workspace: Workspace | None = None,
) -> tuple[VirtualKeyRecord, TenantRow]:
    """Return a virtual key with its row. Raises NotFound, also for one of another workspace."""
    places = [workspace] if workspace else visible_workspaces(request, services)
    for row in _rows(slug, places, services):
        return from_record(VirtualKeyRecord, row.record), row
    raise not_found("virtual key", slug)


def _rows(slug: str, places: list[Workspace], services: AdminServices) -> Iterator[TenantRow]:
    for workspace in places:
        row = services.tenants.table.read(rows.virtual_keys_partition(workspace.id), slug)
        if row:
            yield row


def _read_slug(fields: FieldReader, name: str, services: AdminServices) -> str:
    slug = fields.text("slug", 64)
    if not slug:
        return make_slug(name)
    is_provider = any(provider.name == slug for provider in services.providers)
    if is_provider or not VIRTUAL_KEY_SLUG.fullmatch(slug):
        raise InvalidRequest(
            "'slug' must be lower-case letters, digits and '-', at most 64, and not the name of a provider.",
            param="slug",
        )
    return slug


def _provider(record: VirtualKeyRecord, services: AdminServices) -> Provider:
    return read_provider(FieldReader({"provider": record.provider}), services.providers)


def _require_scope(request: AdminRequest, action: str) -> None:
    request.require_scope(f"virtual_keys.{action}", f"providers.{action}")


def _response(record: VirtualKeyRecord, now: int) -> dict[str, object]:
    return resource_document(_KIND, virtual_key_document(record, now))
