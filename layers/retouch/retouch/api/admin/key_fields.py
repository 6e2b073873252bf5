"""The fields of a gateway key in the bodies and answers of the admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.key_defaults import read_defaults, show_defaults
from retouch.api.admin.limit_fields import (
    read_rate_limits,
    read_usage_limits,
    show_limits,
    show_rate_limits,
)
from retouch.api.admin.times import show_time
from retouch.core.errors import InvalidRequest
from retouch.tenants.keys import GatewayKey, RotationPolicy
from retouch.tenants.reader import is_expired
from retouch.tenants.scopes import (
    ALL_SCOPES,
    EDIT_SCOPES,
    ORGANISATION_SCOPES,
    InsufficientScope,
)

_NO_LIMITS = ((), (), None, "")
MIN_TRANSITION_MS, MAX_TRANSITION_MS = 1_800_000, 30 * 86_400_000


def read_key_changes(fields: FieldReader, key: GatewayKey) -> dict[str, Any]:
    """Return the fields of the key that the body names. Raises InvalidRequest."""
    readers: dict[str, Callable[[], Any]] = {
        "name": lambda: fields.required_text("name", 128),
        "description": lambda: fields.text("description"),
        "user_id": lambda: fields.text("user_id", 128),
        "scopes": lambda: _read_scopes(fields),
        "allowed_models": lambda: fields.texts("allowed_models"),
        "allowed_providers": lambda: fields.texts("allowed_providers"),
        "expires_at": lambda: fields.time("expires_at"),
        "defaults": lambda: read_defaults(fields),
        "usage_limits": lambda: read_usage_limits(fields, key.usage_limits),
        "rate_limits": lambda: read_rate_limits(fields),
        "concurrency": lambda: fields.integer("concurrency", 0, 1000),
        "budget_own_keys": lambda: fields.flag("budget_own_keys"),
        "alert_emails": lambda: fields.texts("alert_emails"),
    }
    changes = {name: read() for name, read in readers.items() if fields.has(name)}
    if fields.has("rotation_policy"):
        changes["rotation"] = _read_rotation(fields)
    return changes


def check_grant(key: GatewayKey, giver: GatewayKey) -> None:
    """Raise InsufficientScope or InvalidRequest for a key that could do more than the one that makes it."""
    if missing := sorted(key.scopes - giver.scopes):
        raise InsufficientScope(
            f"A key gives at most its own scopes, and this one lacks '{missing[0]}'. Leave it out, or use a key "
            "that has it.",
            param="scopes",
        )
    if _limits(giver) != _NO_LIMITS and (key.id != giver.id or _limits(key) != _limits(giver)):
        raise InsufficientScope(
            "A key with limits of its own can make no other key and cannot change its limits, because they would "
            "limit nothing. Use a key without limits."
        )
    if key.type == "workspace" and (excess := sorted(key.scopes & ORGANISATION_SCOPES)):
        raise InvalidRequest(
            f"'scopes' has '{excess[0]}', which only keys of the organisation have. Leave it out.",
            param="scopes",
        )
    for name in ("allowed_models", "allowed_providers"):
        own, given = set(getattr(giver, name)), set(getattr(key, name))
        if own and not (given and given <= own):
            raise InsufficientScope(
                f"This key gives at most its own '{name}'. Name some of them.", param=name
            )
    if giver.expires_at and not (key.expires_at and key.expires_at <= giver.expires_at):
        raise InsufficientScope(
            "A key cannot outlive the key that makes it. Send an earlier 'expires_at'.",
            param="expires_at",
        )


def _limits(key: GatewayKey) -> tuple[object, ...]:
    """Return what limits the key alone: its limits, and a default config that its requests cannot replace."""
    pinned = "" if key.defaults.allow_config_override else key.defaults.config_id
    return key.usage_limits, key.rate_limits, key.concurrency, pinned


def key_document(key: GatewayKey, now: int) -> Mapping[str, Any]:
    """Return a key as the API shows it. The key itself is nowhere."""
    return {
        "id": key.id,
        "name": key.name,
        "description": key.description,
        "type": f"{key.type}-{key.subtype}",
        "organisation_id": "organisation",
        "workspace_id": key.workspace.id,
        "workspace_slug": key.workspace.slug,
        "user_id": key.user_id or None,
        "status": "expired" if is_expired(key.expires_at, now) else "active",
        "scopes": sorted(key.scopes),
        "allowed_models": list(key.allowed_models),
        "allowed_providers": list(key.allowed_providers),
        "expires_at": show_time(key.expires_at),
        "defaults": show_defaults(key.defaults),
        "usage_limits": show_limits(key.usage_limits, now),
        "rate_limits": show_rate_limits(key.rate_limits),
        "concurrency": key.concurrency,
        "budget_own_keys": key.budget_own_keys,
        "rotation_policy": _show_rotation(key.rotation),
        "alert_emails": list(key.alert_emails),
        "creation_mode": "api",
        "created_at": show_time(key.created_at),
        "last_updated_at": show_time(key.last_updated_at),
    }


def _read_scopes(fields: FieldReader) -> frozenset[str]:
    scopes = frozenset(fields.texts("scopes"))
    if unknown := sorted(scopes - ALL_SCOPES):
        raise fields.error(
            "scopes", f"has '{unknown[0][:64]}', which is not a scope; docs/tenants.md lists them"
        )
    return scopes or EDIT_SCOPES


def _read_rotation(fields: FieldReader) -> RotationPolicy:
    policy = fields.child("rotation_policy")
    if policy is None:
        return RotationPolicy()
    period: Any = policy.choice("rotation_period", ("weekly", "monthly"))
    next_rotation_at = policy.time("next_rotation_at")
    if period and next_rotation_at:
        raise policy.error("next_rotation_at", "cannot be sent together with rotation_period")
    transition = policy.integer("key_transition_period_ms", MIN_TRANSITION_MS, MAX_TRANSITION_MS)
    policy.reject_unknown()
    return RotationPolicy(
        rotation_period=period,
        next_rotation_at=next_rotation_at,
        key_transition_period_ms=transition,
    )


def _show_rotation(rotation: RotationPolicy) -> dict[str, Any] | None:
    if rotation == RotationPolicy():
        return None
    return {
        "rotation_period": rotation.rotation_period or None,
        "next_rotation_at": show_time(rotation.next_rotation_at),
        "key_transition_period_ms": rotation.key_transition_period_ms,
    }
