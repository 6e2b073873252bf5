"""The filters of the analytics routes, in Portkey's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.usage.event import UsageEvent


@frozen_dataclass
class UsageFilter:
    """The values that an event must have. An empty one permits every value."""

    statuses: frozenset[int] = frozenset()
    key_ids: frozenset[str] = frozenset()
    virtual_keys: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    models: frozenset[tuple[str, str]] = frozenset()  # (provider, model); an empty one is any
    cache: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    sizes: frozenset[str] = frozenset()
    billed: frozenset[str] = frozenset()
    metadata: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cost_min: int | None = None  # micro-dollars
    cost_max: int | None = None
    tokens_min: int | None = None
    tokens_max: int | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields of an event that the filter looks at."""
        names = {name for own, name in _CHOICES.items() if getattr(self, own)}
        if self.models:
            names |= {"provider", "model"}
        if self.metadata:
            names.add("metadata")
        bounds = (self.cost_min, self.cost_max, self.tokens_min, self.tokens_max)
        return frozenset(names | ({"amount"} if any(b is not None for b in bounds) else set()))

    def matches(self, event: UsageEvent) -> bool:
        """Return whether the event has the values."""
        return (
            all(
                not getattr(self, own) or getattr(event, name) in getattr(self, own)
                for own, name in _CHOICES.items()
            )
            and self._matches_model(event.provider, event.model)
            and all(event.metadata.get(name) in texts for name, texts in self.metadata.items())
            and _is_between(event.cost, self.cost_min, self.cost_max)
            and _is_between(event.tokens, self.tokens_min, self.tokens_max)
        )

    def matches_group(self, group: Mapping[str, Any]) -> bool:
        """Return whether a row of a rollup has the values. The filter looks at no other fields."""
        return all(
            not getattr(self, own) or group[name] in getattr(self, own)
            for own, name in _CHOICES.items()
            if name in group
        ) and self._matches_model(group["provider"], group["model"])

    def _matches_model(self, provider: str, model: str) -> bool:
        choices = ((provider, model), (provider, ""), ("", model))
        return not self.models or not self.models.isdisjoint(choices)


# The filter's own names, and the fields of an event.
_CHOICES = {
    "statuses": "status",
    "key_ids": "key_id",
    "virtual_keys": "virtual_key",
    "configs": "config",
    "cache": "cache",
    "operations": "operation",
    "traces": "trace",
    "users": "user",
    "sizes": "size",
    "billed": "billed",
}


def _is_between(value: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)
