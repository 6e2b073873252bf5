"""The nouns of the guardrails: hooks and their checks, what they look at, what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from retouch.clock import Clock

When = Literal["before", "after"]


class CheckError(Exception):
    """A check that came to no verdict. `str(error)` is public."""


class Seen(NamedTuple):
    """What is known of a picture: its format ("png", "jpeg", "webp") and its size in pixels as displayed.

    `blank` is only asked of results, and only where a hook wants to know: see `Guardrails.looks_at_pixels`.
    """

    format: str
    width: int
    height: int
    blank: bool | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A request as the checks see it; `outputs` are its results, once there are any."""

    prompt: str
    words: tuple[str, ...] = ()  # what else the provider gets to read: other fields of free text
    images: tuple[Seen, ...] = ()
    mask_coverage: float | None = None  # share of pixels to edit, 0..1; None: there is no mask
    metadata: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Seen, ...] = ()

    @property
    def text(self) -> str:
        """Everything the provider gets to read, the prompt first, each on lines of its own."""
        return "\n".join(filter(None, (self.prompt, *self.words)))


@dataclass(frozen=True, slots=True)
class Letter:
    """What a webhook is to be asked."""

    url: str
    body: bytes
    seconds: float  # for everything, from the look-up of the name to the answer's last byte
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    key: bytes = field(default=b"", repr=False)  # signs the letter; empty: it goes unsigned


@dataclass(frozen=True, slots=True)
class Review:
    """What Bedrock Guardrails are to be asked."""

    guardrail: str  # its id or ARN
    version: str
    text: str
    region: str = ""  # empty: the function's own


@dataclass(frozen=True, slots=True)
class Tools:
    """What leads out of the house. Both raise CheckError where there is no answer."""

    webhook: Callable[[Letter], bytes]  # the answer's body, status 200
    bedrock: Callable[[Review], Mapping[str, Any]]  # ApplyGuardrail's answer
    clock: Clock


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. The explanation is public, and so is what is beside it."""

    verdict: bool
    explanation: str
    data: Mapping[str, Any] = field(default_factory=dict)


Test = Callable[[Subject, Tools], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, its parameters already in `test`."""

    id: str
    test: Test = field(repr=False)
    fail_open: bool = False  # the verdict where there is none
    looks_at_pixels: bool = False


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a hook's result is worth to whoever collects results."""

    value: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Hook:
    """Checks that are judged together, and what follows when one of them fails."""

    id: str
    checks: tuple[Check, ...]
    deny: bool = False
    observes: bool = False  # "async": for the log only, never changes an answer
    on_success: Feedback = Feedback()
    on_fail: Feedback = Feedback()


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The hooks of a config."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()

    @property
    def looks_at_pixels(self) -> bool:
        """Whether a check wants to know if results are blank, which costs decoding them."""
        return any(check.looks_at_pixels for hook in self.after for check in hook.checks)


@dataclass(frozen=True, slots=True)
class Report:
    """What the hooks found. `results` are for the answer's `hook_results`, `observed` for the log only."""

    passed: bool = True
    denied: bool = False
    results: list[dict[str, Any]] = field(default_factory=list)
    observed: list[dict[str, Any]] = field(default_factory=list)
