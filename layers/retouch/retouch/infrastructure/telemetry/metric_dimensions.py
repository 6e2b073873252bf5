"""The dimensions of the metrics of edits.

CloudWatch bills each metric name with each combination of dimension values. All values are therefore from fixed sets:
the blame, the providers and the models that the gateway knows. A caller can invent the name of a deployment, so every
other model counts as `other`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from retouch.core.capabilities import Provider
from retouch.core.frozen_dataclass import frozen_dataclass

UNKNOWN_VALUE = "other"


@frozen_dataclass
class EditDimensions:
    """The known models by provider, and whether the model is a dimension."""

    models_by_provider: Mapping[str, frozenset[str]]
    by_model: bool = False

    @classmethod
    def from_providers(cls, providers: Iterable[Provider], by_model: bool) -> EditDimensions:
        """Return the dimensions for the models of these providers."""
        models = {p.name: frozenset(m.id for m in p.models if m.id) for p in providers}
        return cls(models, by_model)

    def dimension_sets(self, log_fields: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return the combinations in which an edit is counted, without the service.

        The first one has no provider, so that it exists for every edit. The alarm and the dashboard read it. The
        others follow only if the request got as far as a provider.
        """
        blame = {"blame": str(log_fields["blame"])} if log_fields.get("blame") else {}
        provider, model = (str(log_fields.get(name) or "") for name in ("provider", "model"))
        if not provider:
            return [blame]
        known_models = self.models_by_provider.get(provider)
        by_provider = {**blame, "provider": UNKNOWN_VALUE if known_models is None else provider}
        if not self.by_model:
            return [blame, by_provider]
        known_model = model if model in (known_models or ()) else UNKNOWN_VALUE
        return [blame, by_provider, {**by_provider, "model": known_model}]
