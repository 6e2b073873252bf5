"""The records of tenants as JSON objects, for their rows in a table and for the requests of jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeVar

from retouch.tenants.keys import (
    GatewayKey,
    KeyDefaults,
    RotationPolicy,
    VirtualKeyRecord,
    Workspace,
)
from retouch.tenants.limits import RateLimit, UsageLimit, WorkspacePrice

Record = dict[str, Any]
_Instance = TypeVar("_Instance", Workspace, GatewayKey, VirtualKeyRecord)
_CLASSES: Mapping[str, Callable[..., Any]] = {
    "price": WorkspacePrice,
    "defaults": KeyDefaults,
    "rotation": RotationPolicy,
}
_ITEM_CLASSES: Mapping[str, Callable[..., Any]] = {
    "usage_limits": UsageLimit,
    "rate_limits": RateLimit,
}


def to_record(instance: Any) -> Record:
    """Return the fields of a record, without those that have their default."""
    return {
        item.name: _plain_value(value)
        for item in fields(instance)
        if (value := getattr(instance, item.name)) != _default(item)
    }


def from_record(kind: type[_Instance], record: Mapping[str, Any]) -> _Instance:
    """Return the record of an object. Fields that this version does not know are left out."""
    known = {item.name for item in fields(kind)}
    values = {name: _read(name, value) for name, value in record.items() if name in known}
    return kind(**values)


def remove_digests(key: GatewayKey) -> GatewayKey:
    """Return the key without what could find it in a table of keys."""
    return replace(key, digests=())


def _plain_value(value: Any) -> Any:
    if is_dataclass(value):
        return to_record(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _default(item: Any) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _read(name: str, value: Any) -> Any:
    if name == "workspace":
        return from_record(Workspace, value)
    if name == "scopes":
        return frozenset(value)
    if name in _CLASSES:
        return _CLASSES[name](**value)
    if name in _ITEM_CLASSES:
        return tuple(_ITEM_CLASSES[name](**item) for item in value)
    return tuple(value) if isinstance(value, list) else value
