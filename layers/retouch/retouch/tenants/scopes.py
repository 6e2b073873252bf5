"""The scopes of gateway keys, in Portkey's words: what a key may do."""

from __future__ import annotations

from retouch.core.errors import InvalidRequest

EDIT_SCOPE = "completions.write"
_WRITES = ("create", "update", "delete", "read", "list")
_GROUPS = {
    "organisation_service_api_keys": _WRITES,
    "workspace_service_api_keys": _WRITES,
    "workspace_user_api_keys": _WRITES,
    "virtual_keys": _WRITES,
    "providers": _WRITES,
    "configs": _WRITES,
    "policies": _WRITES,
    "workspaces": _WRITES,
    "logs": ("list", "view", "write", "export"),
    "analytics": ("view",),
    "audit_logs": ("list",),
    "completions": ("write",),
}
ALL_SCOPES = frozenset(
    f"{group}.{action}" for group, actions in _GROUPS.items() for action in actions
)
# The scopes of a key that only makes edits, such as one that was made before there were scopes.
EDIT_SCOPES = frozenset((EDIT_SCOPE, "logs.write"))
_OPERATOR_WRITES = ("workspaces.create", "workspaces.update", "workspaces.delete")
# What only a key of the organisation may do. A key of a workspace sees and changes only its workspace.
ORGANISATION_SCOPES = frozenset(
    scope for scope in ALL_SCOPES if scope.startswith("organisation_") or scope in _OPERATOR_WRITES
)
WORKSPACE_SCOPES = ALL_SCOPES - ORGANISATION_SCOPES


class InsufficientScope(InvalidRequest):
    """The key lacks a scope that the request needs."""

    status = 403
    code = "insufficient_scope"


def require_scope(scopes: frozenset[str], scope: str) -> None:
    """Raise InsufficientScope when the scopes do not include this one."""
    if scope not in scopes:
        raise InsufficientScope(
            f"This key lacks the scope '{scope}'. Use a key that has it, or ask the operator to add it to this key."
        )
