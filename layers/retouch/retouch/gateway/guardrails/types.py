"""The data types of the guardrails: hooks, their checks, the input of the checks and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from math import inf
from typing import Any, Literal, NamedTuple

from retouch.core.clock import Clock
from retouch.core.frozen_dataclass import frozen_dataclass

HookPhase = Literal["before", "after"]


class CheckError(Exception):
    """The error of a check that reached no verdict. `str(error)` is public."""


class ImageMetadata(NamedTuple):
    """The metadata of an image: its format (one of INPUT_FORMATS) and its displayed size in pixels.

    `blank` is set only for results, and only when a hook needs it. See `Guardrails.needs_pixels`. It is None when there
    was no time to decode the image.
    """

    format: str
    width: int
    height: int
    blank: bool | None = None


@frozen_dataclass
class GuardrailInput:
    """A request as the checks see it. `outputs` holds its results, after the edit has run."""

    prompt: str
    other_texts: tuple[str, ...] = ()  # the other free-text fields that the provider reads
    images: tuple[ImageMetadata, ...] = ()
    mask_coverage: float | None = None  # share of pixels to edit, 0..1; None without a mask
    metadata: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[ImageMetadata, ...] = ()

    @property
    def text(self) -> str:
        """Return every text that the provider reads. The prompt is first. Each text starts on a new line."""
        return "\n".join(filter(None, (self.prompt, *self.other_texts)))


@frozen_dataclass
class WebhookCheckRequest:
    """The request to a guardrail webhook."""

    url: str
    body: bytes
    timeout_seconds: float  # total, from the name lookup to the last byte of the response
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    signing_key: bytes = field(default=b"", repr=False)  # signs the request; empty: no signature
    # A value of the clock that also ends the request. It does not make two requests different.
    deadline: float = field(default=inf, compare=False)


@frozen_dataclass
class BedrockGuardrailRequest:
    """The request to Bedrock Guardrails."""

    guardrail_id: str  # its id or ARN
    version: str
    text: str
    region: str = ""  # empty: the region of the function


@frozen_dataclass
class GuardrailClients:
    """The clients of the remote checks. Both raise CheckError when they get no response."""

    # returns the body of a response with status 200
    webhook: Callable[[WebhookCheckRequest], bytes]
    # returns ApplyGuardrail's response
    bedrock: Callable[[BedrockGuardrailRequest], Mapping[str, Any]]
    clock: Clock
    deadline: float = inf  # of the checks, as a value of the clock
    # Hooks without `deny` end this many seconds earlier: the rest of the edit needs the time.
    reserved_seconds: float = 0.0

    def reserve_time(self, hook: Hook) -> GuardrailClients:
        """Return the clients for a hook. A hook with `deny` gets all the time: without a verdict it denies the edit."""
        return self if hook.deny else replace(self, deadline=self.deadline - self.reserved_seconds)


@frozen_dataclass
class CheckResult:
    """The result of a check. The explanation and the data are public."""

    verdict: bool
    explanation: str
    data: Mapping[str, Any] = field(default_factory=dict)


CheckFunction = Callable[[GuardrailInput, GuardrailClients], CheckResult]


@frozen_dataclass
class Check:
    """One check. `run` already contains its parameters."""

    id: str
    run: CheckFunction = field(repr=False)
    fail_open: bool = False  # the verdict when the check raises CheckError
    needs_pixels: bool = False


@frozen_dataclass
class FeedbackScore:
    """The score that Portkey's feedback format gives to a hook's result."""

    value: float = 0.0
    weight: float = 0.0


@frozen_dataclass
class Hook:
    """A group of checks with one verdict, and the consequence of a failure."""

    id: str
    checks: tuple[Check, ...]
    deny: bool = False
    is_async: bool = False  # "async": the result goes to the log and never changes a response
    on_success: FeedbackScore = FeedbackScore()
    on_fail: FeedbackScore = FeedbackScore()


@frozen_dataclass
class Guardrails:
    """The hooks of a config."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()

    @property
    def needs_pixels(self) -> bool:
        """Return whether a check needs to know if results are blank. That requires decoding them."""
        return any(check.needs_pixels for hook in self.after for check in hook.checks)


@frozen_dataclass
class HookReport:
    """The results of the hooks.

    `results` go into the response as `hook_results`. `async_results` go only into the log.
    """

    passed: bool = True
    denied: bool = False
    results: list[dict[str, Any]] = field(default_factory=list)
    async_results: list[dict[str, Any]] = field(default_factory=list)
