"""The records of tenants: workspaces, gateway keys and virtual keys. None of them contains a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.tenants.limits import AT_COST, RateLimit, UsageLimit, WorkspacePrice
from retouch.tenants.scopes import EDIT_SCOPES

KeyType = Literal["organisation", "workspace"]
KeySubtype = Literal["service", "user"]
DEFAULT_WORKSPACE_ID = "w_default"
_ID_DIGITS = 24
# Edits at the same time, where a usage limit counts them and nothing else is set.
KEY_CONCURRENCY, WORKSPACE_CONCURRENCY = 50, 200


@frozen_dataclass(kw_only=True)
class KeyDefaults:
    """The config and the metadata of requests that send none."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    config_id: str = ""
    allow_config_override: bool = True


@frozen_dataclass(kw_only=True)
class Workspace:
    """A tenant. Its limits count what all its keys use together."""

    id: str
    slug: str
    name: str
    description: str = ""
    usage_limits: tuple[UsageLimit, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    concurrency: int | None = None  # edits at the same time
    price: WorkspacePrice = AT_COST
    defaults: KeyDefaults = field(default_factory=KeyDefaults)
    created_at: int = 0  # UNIX time
    last_updated_at: int = 0


@frozen_dataclass(kw_only=True)
class RotationPolicy:
    """When a key should be rotated. The gateway shows it; a person or a program rotates."""

    rotation_period: Literal["weekly", "monthly", ""] = ""
    next_rotation_at: int | None = None  # UNIX time
    key_transition_period_ms: int | None = None


@frozen_dataclass(kw_only=True)
class GatewayKey:
    """A caller's key, without the key itself."""

    id: str  # k_...; it stays the same when the key is rotated
    name: str
    workspace: Workspace
    type: KeyType = "workspace"
    subtype: KeySubtype = "service"
    # Digests of the key: the current one, and one more while a rotated key still works.
    digests: tuple[str, ...] = field(default=(), repr=False)
    # In the default workspace, each key is a tenant of its own under this name. Old keys have their digest.
    own_name: str = field(default="", repr=False)
    scopes: frozenset[str] = EDIT_SCOPES
    allowed_models: tuple[str, ...] = ()  # provider/model; empty: every model
    allowed_providers: tuple[str, ...] = ()  # slugs; empty: every provider
    expires_at: int | None = None  # UNIX time
    defaults: KeyDefaults = field(default_factory=KeyDefaults)
    usage_limits: tuple[UsageLimit, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    concurrency: int | None = None  # edits at the same time
    budget_own_keys: bool = False  # edits with the caller's own provider key count too
    rotation: RotationPolicy = field(default_factory=RotationPolicy)
    alert_emails: tuple[str, ...] = ()
    description: str = ""
    user_id: str = ""
    created_at: int = 0  # UNIX time
    last_updated_at: int = 0

    @property
    def has_budgets(self) -> bool:
        """Whether a limit of the key or of its workspace counts what its edits cost, or how many run at once."""
        owners = (self, self.workspace)
        return any(one.usage_limits or one.concurrency is not None for one in owners)

    @property
    def own_price(self) -> WorkspacePrice | None:
        """The price that callers with the key see in place of the provider's cost. None: they see the cost."""
        price = self.workspace.price
        return None if self.type == "organisation" or price == AT_COST else price

    @property
    def has_rate_limits(self) -> bool:
        """Whether a limit of the key or of its workspace counts what is used in a time."""
        return bool(self.rate_limits or self.workspace.rate_limits)

    @property
    def owner(self) -> str:
        """The owner of what the key stores: its workspace, or in the default workspace the key alone."""
        if self.workspace.id != DEFAULT_WORKSPACE_ID:
            return self.workspace.id
        return self.own_name or self.id


@frozen_dataclass(kw_only=True)
class VirtualKeyRecord:
    """A provider's key that a workspace lends to its callers under a name. The key itself is stored elsewhere."""

    slug: str
    workspace_id: str
    name: str
    provider: str
    masked_key: str = ""  # such as sk-...x4f2
    options: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    usage_limits: tuple[UsageLimit, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    expires_at: int | None = None  # UNIX time
    created_at: int = 0
    last_updated_at: int = 0

    @property
    def budget_name(self) -> str:
        """The name under which the use of the key is counted."""
        return f"{self.workspace_id}/{self.slug}"


DEFAULT_WORKSPACE = Workspace(id=DEFAULT_WORKSPACE_ID, slug="default", name="default")


def plain_key(name: str, digest: str) -> GatewayKey:
    """Return the key of a row that has only a name: it makes edits in the default workspace, without limits."""
    identifier = sha256(f"key id {digest}".encode()).hexdigest()[:_ID_DIGITS]
    return GatewayKey(
        id=f"k_{identifier}",
        name=name,
        workspace=DEFAULT_WORKSPACE,
        digests=(digest,),
        own_name=digest,
    )
