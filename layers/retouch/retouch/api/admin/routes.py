"""The routes of the admin API, and the variables in their paths."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from retouch.api.admin import (
    audit_logs,
    configs,
    contract,
    keys,
    logs,
    orders,
    virtual_keys,
    workspace_deletion,
    workspaces,
)
from retouch.api.admin.analytics import ANALYTICS_ROUTES
from retouch.api.admin.exports import EXPORT_ROUTES
from retouch.api.admin.feedback import FEEDBACK_ROUTES
from retouch.api.admin.organization import ORGANIZATION_ROUTES
from retouch.api.admin.request import AdminEndpoint
from retouch.api.router import path_pattern

_VIRTUAL_KEY_ROUTES: Mapping[tuple[str, str], AdminEndpoint] = {
    ("GET", ""): virtual_keys.list_virtual_keys,
    ("POST", ""): virtual_keys.create_virtual_key,
    ("GET", "/{slug}"): virtual_keys.get_virtual_key,
    ("PUT", "/{slug}"): virtual_keys.update_virtual_key,
    ("DELETE", "/{slug}"): virtual_keys.delete_virtual_key,
}
# By method and path. {name} is one segment.
# A path with a fixed segment comes before one with a variable in its place.
ADMIN_ROUTES: Mapping[tuple[str, str], AdminEndpoint] = {
    ("POST", "/v1/api-keys/{id}/rotate"): keys.rotate_key,
    ("GET", "/v1/api-keys"): keys.list_keys,
    ("POST", "/v1/api-keys/{type}/{sub_type}"): keys.create_key,
    ("GET", "/v1/api-keys/{id}"): keys.get_key,
    ("PUT", "/v1/api-keys/{id}"): keys.update_key,
    ("DELETE", "/v1/api-keys/{id}"): keys.delete_key,
    ("GET", "/v1/admin/openapi.json"): contract.get_contract,
    ("GET", "/v1/admin/workspaces"): workspaces.list_workspaces,
    ("POST", "/v1/admin/workspaces"): workspaces.create_workspace,
    ("GET", "/v1/admin/workspaces/{id}"): workspaces.get_workspace,
    ("PUT", "/v1/admin/workspaces/{id}"): workspaces.update_workspace,
    ("DELETE", "/v1/admin/workspaces/{id}"): workspace_deletion.delete_workspace,
    ("POST", "/v1/admin/workspaces/{id}/credits"): workspaces.add_credits,
    ("POST", "/v1/admin/orders/{id}/reconcile"): orders.reconcile,
    ("GET", "/v1/configs"): configs.list_configs,
    ("POST", "/v1/configs"): configs.create_config,
    ("GET", "/v1/configs/{slug}"): configs.get_config,
    ("PUT", "/v1/configs/{slug}"): configs.update_config,
    ("DELETE", "/v1/configs/{slug}"): configs.delete_config,
    ("GET", "/v1/configs/{slug}/versions"): configs.list_versions,
    ("GET", "/v1/audit-logs"): audit_logs.list_audit_logs,
    **ANALYTICS_ROUTES,
    **ORGANIZATION_ROUTES,
    **{
        (method, f"{prefix}{rest}"): endpoint
        for prefix in ("/v1/virtual-keys", "/v1/providers")  # Portkey's older and newer name
        for (method, rest), endpoint in _VIRTUAL_KEY_ROUTES.items()
    },
    **FEEDBACK_ROUTES,
    **EXPORT_ROUTES,
    ("GET", "/v1/logs"): logs.list_logs,
    ("POST", "/v1/logs"): logs.insert_logs,
    ("GET", "/v1/logs/{id}"): logs.get_log,
}
_PATTERNS = {route: path_pattern(route[1]) for route in ADMIN_ROUTES}


def allowed_methods(path: str) -> list[str]:
    """Return the methods of the routes with this path. Empty when there is no such route."""
    matches = (method for (method, _), pattern in _PATTERNS.items() if pattern.fullmatch(path))
    return sorted({*matches})


def path_values(template: str, path: str) -> dict[str, str]:
    """Return the variables of a path by name."""
    pairs = zip(template.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: unquote(text) for name, text in pairs if name.startswith("{")}
