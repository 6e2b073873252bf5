"""What the core may use of the world, and an order that somebody gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from retouch.core.capabilities import Provider
from retouch.core.clock import Clock
from retouch.core.credentials import ClientCredentials
from retouch.core.models import ParsedForm
from retouch.core.portkey import PortkeyHeaders
from retouch.core.provider_protocol import ProviderRequest, ProviderResponse
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.gateway.authentication import KeyLookup
from retouch.gateway.cache import CacheStore as CacheStore
from retouch.gateway.circuit_breaker import CircuitBreaker
from retouch.gateway.delivery import ResultStore
from retouch.gateway.guardrails.model import GuardrailClients
from retouch.gateway.inputs import InputStore

SendRequest = Callable[[ProviderRequest, ResolvedModel, float], ProviderResponse]


class ObjectStore(ResultStore, InputStore, Protocol):
    """The stack's bucket, as the core sees it."""

    def create_upload(self, content_type: str) -> tuple[str, dict[str, Any]]:
        """A new upload: its id, and the form ({"url", "fields"}) that S3 takes for it."""

    def check_access(self) -> None:
        """Raises when the bucket cannot be used."""


@dataclass(frozen=True, slots=True)
class Services:
    """All that the core may use of the world, built once by the door."""

    settings: Settings
    providers: tuple[Provider, ...]
    send: SendRequest
    bucket: ObjectStore
    fetch_image: Callable[
        [str, float], bytes
    ]  # what a caller's URL leads to, by a deadline; FetchError
    clock: Clock
    read_secrets: Callable[[], Mapping[str, str]]  # read where they are needed, fetched before
    find_key_name: KeyLookup
    guardrail_clients: GuardrailClients  # what guardrails may ask outside
    breaker: CircuitBreaker
    cache: CacheStore
    load_config: Callable[[str], Mapping[str, Any]]  # saved routing configs by id; InvalidConfig


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What arrived, and by when it must be answered."""

    form: ParsedForm
    credentials: ClientCredentials
    request_id: str
    deadline: float  # on the clock's scale
    client_deadline: float = inf  # until then the caller waits, on the same scale
    max_silence: float = inf  # seconds without a sign of life that front and caller bear
    iam_authorized: bool = False  # a direct invoke: its caller was let in by IAM
    max_response_bytes: int | None = None  # of the answer, where the way back is narrow
    base_url: str = ""  # the gateway's own address, for links
    portkey: PortkeyHeaders = field(default_factory=PortkeyHeaders)

    @property
    def effective_deadline(self) -> float:
        """When nobody waits any more."""
        return min(self.deadline, self.client_deadline)
