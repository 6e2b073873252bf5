"""The model that serves a request, and how its provider is reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse


@frozen_dataclass
class ResolvedModel:
    """A provider and two models: the one whose contract applies to the caller, and the one that serves the request.

    They differ only for a retired model that a successor serves.
    """

    provider: Provider
    requested: ModelCapabilities
    serving: ModelCapabilities
    # The fields from here to `circuit` are set when the connection is resolved.
    options: Mapping[str, str] = field(default_factory=dict)  # the provider's settings, no key
    key: str | None = field(default=None, repr=False)
    is_client_key: bool = False
    forwarded_headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # the caller's
    identity_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    circuit: str = ""  # the circuit that a failure counts for; empty: none
    notes: tuple[str, ...] = ()
    response_headers: Mapping[str, str] = field(default_factory=dict)
    replacement_id: str = (
        ""  # the id that an error names when the provider says that `serving` is gone
    )
    # The model of the same provider that serves the request in that case. None: no model does.
    successor: ModelCapabilities | None = None
    successor_note: str = ""

    def replace_by_successor(self) -> ResolvedModel:
        """Return the same connection with the successor as the model that serves the request."""
        assert self.successor, "the caller has checked it"
        notes = (*self.notes, self.successor_note)
        return replace(self, serving=self.successor, successor=None, notes=notes)

    @property
    def upstream_name(self) -> str:
        """The provider's own name for the serving model."""
        return self.serving.upstream_name or self.serving.id

    @property
    def model_id(self) -> str:
        """The full id of the serving model: provider/model."""
        return f"{self.provider.name}/{self.serving.id}"


# (request, model, deadline on the clock's scale) -> response. Raises UpstreamError or DeadlineExceeded.
SendRequest = Callable[[ProviderRequest, ResolvedModel, float], ProviderResponse]
