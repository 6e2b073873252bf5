"""The cards: what a provider and its models can do, as data.

Anything a card does not declare is "cannot". The plan reads cards; nothing else decides by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retouch.messages import Call, Conversation, Job, Reply, ResponseFormat
from retouch.specs import Spec

# "alpha": a PNG whose transparent pixels mark what to edit. "direct": the decoded mask as it is.
MaskDialect = Literal["alpha", "direct"]
Kind = Literal["", "moderated", "auth", "out_of_quota", "not_started", "suspended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What one model can do."""

    id: str
    upstream: str = ""  # the provider's own name, where it differs from the id
    images: int = 1  # most pictures in one edit
    accepts: tuple[str, ...] = ("png", "jpeg", "webp")  # what a caller may send
    inputs: tuple[str, ...] = (
        "png",
        "jpeg",
        "webp",
    )  # what the provider takes; the rest is converted
    image_bytes: int = 50_000_000
    square: bool = False  # pictures must be square
    prompt_chars: int = 32_000
    n: int = 10  # most pictures out
    per_call: int = 10  # most pictures out of one call; more become several calls
    mask: MaskDialect | None = None
    mask_bytes: int = 50_000_000
    needs_mask: bool = False  # a mask, or transparency in the picture, must say where
    params: Mapping[str, Spec] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)  # the contract's, sent to a successor
    makes: tuple[str, ...] = ("png", "jpeg", "webp")  # output formats that need no conversion
    compresses: bool = True  # output_compression means to it what it means to OpenAI
    streams: bool = False
    response_format: ResponseFormat = "b64_json"  # where the caller does not say


@dataclass(frozen=True, slots=True)
class Told:
    """How a provider words a failure, read by its adapter into our words."""

    kind: Kind = ""
    message: str = ""
    code: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Failed(Exception):
    """Raised by an adapter when a success status carries a failure; the driver makes a Fault of it."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.message)
        self.told = told


@dataclass(frozen=True, slots=True)
class Auth:
    """The header that carries the key: name, and what stands before the key."""

    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider: its name, its conversation, its failures, its models."""

    name: str  # the slug in model ids and headers
    title: str
    docs: str
    edit: Callable[[Job], Conversation]
    models: tuple[Model, ...]
    default_model: str
    explain: Callable[[Reply], Told] = lambda _: Told()
    env: str = ""  # prefix of its settings: <env>_API_KEY, <env>_BASE_URL, ...
    base_url: str = ""
    auth: Auth | None = None  # None: needs no key
    base_setting: str = "base_url"  # the setting an operator must give where there is no base_url
    settings: tuple[str, ...] = ()  # further settings, read from <env>_<NAME>
    check: Call | None = None  # a call that costs nothing and fails where the key is wrong
    deployments: Model | None = None  # card for names that the operator chose and no card lists
    paid: bool = True  # a successful edit costs money

    def model(self, model_id: str) -> Model | None:
        """The card of a model by id; the deployment card for names only the operator knows."""
        known = next((m for m in self.models if m.id == model_id), None)
        return known or self.deployments
