"""The fields of a workspace in the bodies and answers of the admin API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from retouch.api.admin.fields import FieldReader
from retouch.api.admin.key_defaults import read_defaults, show_defaults
from retouch.api.admin.limit_fields import (
    read_rate_limits,
    read_usage_limits,
    show_rate_limits,
    show_usage_limits,
)
from retouch.api.admin.request import AdminRequest
from retouch.api.admin.slugs import make_slug
from retouch.api.admin.times import show_time
from retouch.core.errors import InvalidRequest
from retouch.tenants.keys import Workspace
from retouch.tenants.limits import AT_COST, MILLIONTHS, WorkspacePrice
from retouch.usage.money import dollars

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,47}", re.ASCII)
_MAX_MULTIPLIER = 1000


def read_workspace_changes(fields: FieldReader, workspace: Workspace) -> dict[str, Any]:
    """Return the fields of the workspace that the body names. Raises InvalidRequest."""
    readers: dict[str, Callable[[], Any]] = {
        "name": lambda: fields.required_text("name", 128),
        "description": lambda: fields.text("description"),
        "usage_limits": lambda: read_usage_limits(fields, workspace.usage_limits),
        "rate_limits": lambda: read_rate_limits(fields),
        "concurrency": lambda: fields.integer("concurrency", 0, 1000),
        "price": lambda: _read_price(fields),
        "defaults": lambda: read_defaults(fields),
    }
    return {name: read() for name, read in readers.items() if fields.has(name)}


def _read_price(fields: FieldReader) -> WorkspacePrice:
    price = fields.child("price")
    if price is None:
        return AT_COST
    multiplier = price.millionths("multiplier", _MAX_MULTIPLIER)
    per_picture = price.millionths("per_picture_usd")
    price.reject_unknown()
    return WorkspacePrice(MILLIONTHS if multiplier is None else multiplier, per_picture or 0)


def read_workspace_slug(fields: FieldReader, name: str) -> str:
    """Return the slug in the body, or a new one. Raises InvalidRequest."""
    slug = fields.text("slug", 48)
    if not slug:
        return make_slug(name)
    if not _SLUG.fullmatch(slug):
        raise InvalidRequest(
            "'slug' must be lower-case letters, digits and '-', at most 48, and begin with a letter or a digit.",
            param="slug",
        )
    return slug


def visible_fields(fields: Mapping[str, Any], request: AdminRequest) -> dict[str, Any]:
    """Return the fields that a key may see. A workspace does not see how its price follows from the cost."""
    is_hidden = request.cost_basis == "price" and "price" in fields
    return {**fields, **({"price": None} if is_hidden else {})}


def workspace_fields(workspace: Workspace, now: int) -> dict[str, Any]:
    """Return a workspace as the API shows it."""
    return {
        "id": workspace.id,
        "slug": workspace.slug,
        "name": workspace.name,
        "description": workspace.description,
        "usage_limits": show_usage_limits(workspace.usage_limits, now),
        "rate_limits": show_rate_limits(workspace.rate_limits),
        "concurrency": workspace.concurrency,
        "price": {
            "multiplier": workspace.price.multiplier / MILLIONTHS,
            "per_picture_usd": dollars(workspace.price.per_picture),
        },
        "defaults": show_defaults(workspace.defaults),
        "created_at": show_time(workspace.created_at),
        "last_updated_at": show_time(workspace.last_updated_at),
    }
