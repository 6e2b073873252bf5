"""Model resolution: which model a request names, and which model serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from retouch.core.capabilities import ModelCapabilities, Provider


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A provider and two models: the one whose contract applies to the caller, and the one that serves the request.

    They differ only for a retired model that a successor serves.
    """

    provider: Provider
    requested: ModelCapabilities
    serving: ModelCapabilities
    options: Mapping[str, str] = field(
        default_factory=dict
    )  # the provider's settings, without its key
    key: str | None = field(default=None, repr=False)
    is_client_key: bool = False
    forwarded_headers: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # headers from the caller
    identity_secrets: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # for the gateway's identity
    notes: tuple[str, ...] = ()
    response_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def upstream_name(self) -> str:
        """The provider's own name for the serving model."""
        return self.serving.upstream_name or self.serving.id

    def circuit_name(self, default_base_url: str) -> str:
        """Return the name of the circuit for this base URL, or "" for no circuit.

        `default_base_url` is the base URL from the gateway's settings. Its circuit has the name of the provider, plus
        the region if the provider has several. Another base URL comes from a virtual key: its circuit has a digest in
        its name.
        A base URL that comes with the caller's own key has no circuit, because no other request goes there.
        """
        base_url = self.options["base_url"]
        if base_url != default_base_url:
            digest = sha256(base_url.encode()).hexdigest()[:8]
            return "" if self.is_client_key else f"{self.provider.name}/{digest}"
        region = self.options.get("region") or self.options.get("location")
        return f"{self.provider.name}/{region}" if region else self.provider.name

    @property
    def model_id(self) -> str:
        """The full id of the serving model: provider/model."""
        return f"{self.provider.name}/{self.serving.id}"
