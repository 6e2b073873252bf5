"""What the core may use of the world, and an order that somebody gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from retouch.admission import KeyBook
from retouch.breaker import Breaker
from retouch.cache import Store as CacheStore
from retouch.cards import Provider
from retouch.clock import Clock
from retouch.finish import Store
from retouch.gather import Shelf
from retouch.guardrails import Tools
from retouch.messages import Call, Form, Reply
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.wire.caller import Caller
from retouch.wire.portkey import Portkey

Wall = Callable[[Call, Target, float], Reply]


class Bucket(Store, Shelf, Protocol):
    """The stack's bucket, as the core sees it."""

    def invite(self, content_type: str) -> tuple[str, dict[str, Any]]:
        """A new upload: its id, and the form ({"url", "fields"}) that S3 takes for it."""

    def reachable(self) -> None:
        """Raises when the bucket cannot be used."""


@dataclass(frozen=True, slots=True)
class House:
    """All that the core may use of the world, built once by the door."""

    settings: Settings
    providers: tuple[Provider, ...]
    send: Wall
    bucket: Bucket
    web: Callable[[str, float], bytes]  # what a caller's URL leads to, by a deadline; FetchError
    clock: Clock
    secrets: Callable[[], Mapping[str, str]]  # read where they are needed, fetched before
    keys: KeyBook
    tools: Tools  # what guardrails may ask outside
    breaker: Breaker
    cache: CacheStore
    configs: Callable[[str], Mapping[str, Any]]  # saved routing configs by id; InvalidConfig


@dataclass(frozen=True, slots=True)
class Order:
    """What arrived, and by when it must be answered."""

    form: Form
    caller: Caller
    request_id: str
    deadline: float  # on the clock's scale
    patience: float = inf  # until then the caller waits, on the same scale
    quiet: float = inf  # seconds without a sign of life that front and caller bear
    trusted: bool = False  # a direct invoke: its caller was let in by IAM
    most_bytes: int | None = None  # of the answer, where the way back is narrow
    base: str = ""  # the gateway's own address, for links
    portkey: Portkey = field(default_factory=Portkey)

    @property
    def ends(self) -> float:
        """When nobody waits any more."""
        return min(self.deadline, self.patience)
