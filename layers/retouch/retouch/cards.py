"""The cards: what a provider and its models can do, as data.

Anything a card does not declare is "cannot". The plan reads cards; nothing else decides by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retouch.errors import Billed
from retouch.messages import Call, Conversation, Job, Picture, Reply, ResponseFormat
from retouch.specs import Spec

Kind = Literal[
    "",
    "moderated",
    "auth",
    "out_of_quota",
    "not_started",
    "suspended",
    "refused",  # the request is at fault, whatever the status says
    "rate_limited",
    "failed",  # the provider's own failure, whatever the status says
    "no_such_model",  # unknown, shut down, or not enabled for the account
]


KEY = "api_key"  # the setting that is no setting, but the key itself


@dataclass(frozen=True, slots=True)
class MaskDialect:
    """How a model is told what to edit."""

    paint: Literal["alpha", "white", "black", "direct"]  # what marks; direct: it reads Mask.edit
    mode: Literal["RGBA", "L", "RGB"] = "L"
    soft: bool = False  # greys mean partial strength; elsewhere they are thresholded


ALPHA = MaskDialect("alpha", "RGBA")  # a PNG whose transparent pixels mark what to edit
WHITE = MaskDialect("white")
SOFT_WHITE = MaskDialect("white", soft=True)
DIRECT = MaskDialect("direct", soft=True)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a picture's geometry may be. Edges and areas in pixels; 0 means no limit."""

    least_edge: int = 1
    most_edge: int = 0
    least_pixels: int = 1
    most_pixels: int = 0
    widest: float = 0.0  # most of the longer edge over the shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a request must be like for an operation to be the one that is meant; None: either."""

    mask: bool | None = None  # a mask, or transparency in the first picture
    prompt: bool | None = None
    given: tuple[str, ...] = ()  # at least one of these parameters
    transparent: bool | None = None  # background=transparent
    images: int | None = None  # exactly so many pictures


@dataclass(frozen=True, slots=True)
class Price:
    """What an edit costs, in US dollars: by the picture, or by the million of tokens where usage comes back."""

    picture: float = 0.0  # per finished picture; an estimate where tokens are what is billed
    call: float = 0.0  # the same per call, however many pictures it makes
    text_in: float = 0.0
    image_in: float = 0.0
    text_out: float = 0.0  # thoughts too
    image_out: float = 0.0
    source: str = ""


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
    request_bytes: int = 0  # most of all pictures and the mask together; 0: no limit
    bounds: Bounds = Bounds()
    square: bool = False  # pictures must be square
    opaque: bool = False  # pictures are sent without transparency
    prompt: Literal["required", "optional", "unread"] = "required"
    prompt_chars: int = 32_000
    n: int = 10  # most pictures out
    per_call: int = 10  # most pictures out of one call; more become several calls
    mask: MaskDialect | None = None
    mask_bytes: int = 50_000_000
    needs_mask: bool = False  # a mask, or transparency in the picture, must say where
    params: Mapping[str, Spec] = field(default_factory=dict)
    # The contract's where the caller says nothing, sent in so many words: who serves may have others.
    defaults: Mapping[str, str] = field(default_factory=dict)
    makes: tuple[str, ...] = ("png", "jpeg", "webp")  # output formats that need no conversion
    compresses: bool = True  # output_compression means to it what it means to OpenAI
    streams: bool = False
    response_format: ResponseFormat = "b64_json"  # where the caller does not say
    transparent: bool = False  # its results may be transparent without being asked to
    reshapes: bool = False  # its answers have another geometry by design, so none can be restored
    instructs: bool = False  # follows instructions, so it can be told in words where to edit
    price: Price = Price()
    operation: str = ""  # what it does, where the provider has more than one thing to do
    when: When | None = None  # the requests that mean this operation
    chooses: tuple[str, ...] = ()  # ids of operations of which the first that is meant serves

    @property
    def direct(self) -> bool:
        """Whether the work is done here on the picture itself, so that nothing unmarked is touched."""
        return self.mask is not None and self.mask.paint == "direct"


@dataclass(frozen=True, slots=True)
class Told:
    """How a provider words a failure, read by its adapter into our words.

    An empty kind leaves the class to the status; on a success status it is BadUpstream.
    """

    kind: Kind = ""
    message: str = ""
    code: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    billed: Billed | None = None  # where the provider's terms are known; None: the class's own
    retry_after: float | None = None  # seconds, where they stand elsewhere than in Retry-After


class Failed(Exception):
    """Raised by an adapter when a success status carries a failure; the driver makes a Fault of it."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.message)
        self.told = told


@dataclass(frozen=True, slots=True)
class Auth:
    """How a provider is shown who asks."""

    header: str
    prefix: str = ""  # what stands before the key
    tokens: tuple[str, ...] = ()  # keys that start so are bearer tokens: Authorization: Bearer ...
    # Who vouches where there is no key: the function's own AWS role, Google or Entra credentials.
    identity: Literal["", "aws", "gcp", "entra"] = ""
    scope: str = ""  # what it vouches for: AWS's name of the service, or an OAuth scope


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
    key_variable: str = ""  # where its own tools look for the key, if <env>_API_KEY is not set
    base_url: str = ""
    auth: Auth | None = None  # None: needs no key
    base_setting: str = "base_url"  # the setting an operator must give where there is no base_url
    settings: tuple[str, ...] = ()  # further settings, read from <env>_<NAME>
    secrets: tuple[str, ...] = ()  # the same, but nobody sees them but the one who vouches
    portkey: Mapping[str, str] = field(default_factory=dict)  # x-portkey- header -> setting, or KEY
    family: tuple[str, ...] = ()  # how all x-portkey- headers about it begin, also those it refuses
    remedies: Mapping[str, str] = field(
        default_factory=dict
    )  # refused header -> what to do instead
    locate: Callable[[Mapping[str, str]], str] | None = (
        None  # settings -> base URL, "" when too few
    )
    own_hosts: tuple[
        str, ...
    ] = ()  # further hosts that get the key: "api.x.ai", or "api.*.x.ai" for one label
    result_hosts: tuple[str, ...] = ()  # where its results lie; empty: unknown, so any public host
    shows: Callable[[Job], tuple[Picture, ...]] | None = (
        None  # what leaves instead of an order's pictures
    )
    # A call that costs nothing and fails where the key is wrong, or what makes it of the settings.
    check: Call | Callable[[Mapping[str, str]], Call] | None = None
    deployments: Model | None = None  # card for names that the operator chose and no card lists
    paid: bool = True  # a successful edit costs money

    def model(self, model_id: str) -> Model | None:
        """The card by id or by the provider's own name for it; the deployment card for the operator's names."""
        known = next((m for m in self.models if m.id == model_id), None)
        named = known or next((m for m in self.models if m.upstream == model_id), None)
        return named or self.deployments


def families(providers: Iterable[Provider]) -> tuple[str, ...]:
    """How all x-portkey- headers about these providers begin."""
    return tuple(family for provider in providers for family in provider.family)
