"""The capabilities of providers and models, as data.

A model does not support anything that its capabilities do not declare. Only the `planning` package makes decisions from
capabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from datetime import date
from typing import Any, Literal

from retouch.core.edit_types import EncodedImage, ResponseFormat
from retouch.core.errors import Billed
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import INPUT_FORMATS, OUTPUT_FORMATS, UPSTREAM_FORMATS
from retouch.core.parameters import ParameterSpec
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)

ErrorKind = Literal[
    "",
    "moderated",
    "auth",
    "out_of_quota",
    "not_started",
    "suspended",
    "refused",  # the request is invalid, whatever the HTTP status
    "rate_limited",
    "failed",  # the provider could not make this edit, whatever the HTTP status
    "undetermined",  # an error of the provider that the request may have caused
    "no_such_model",  # unknown, shut down, or not enabled for the account
]


API_KEY_SETTING = "api_key"  # the name of the setting that holds the API key


@frozen_dataclass
class MaskFormat:
    """The format in which a model expects its mask."""

    # what marks pixels; direct: it reads Mask.pixels
    polarity: Literal["alpha", "white", "black", "direct"]
    mode: Literal["RGBA", "L", "RGB"] = "L"
    # grey means partial strength; otherwise greys are thresholded
    supports_soft_edges: bool = False


ALPHA_MASK = MaskFormat("alpha", "RGBA")  # a PNG: transparent pixels mark the area to edit
WHITE_MASK = MaskFormat("white")
SOFT_WHITE_MASK = MaskFormat("white", supports_soft_edges=True)
DIRECT_MASK = MaskFormat("direct", supports_soft_edges=True)


@frozen_dataclass
class SizeLimits:
    """The limits on the size of an image. Edges and areas are in pixels. A maximum of 0 means no limit."""

    min_edge: int = 1
    max_edge: int = 0
    min_pixels: int = 1
    max_pixels: int = 0
    max_aspect_ratio: float = 0.0  # maximum of longer edge / shorter edge


@frozen_dataclass(kw_only=True)
class OperationMatch:
    """The conditions under which a request selects an operation. None means that a condition does not apply."""

    mask: bool | None = None  # a mask, or transparency in the first image
    prompt: bool | None = None
    any_params: tuple[str, ...] = ()  # at least one of these parameters
    transparent: bool | None = None  # background=transparent
    images: int | None = None  # the exact number of images


@frozen_dataclass
class Price:
    """The price of an edit in US dollars: per image, area and call, or per million tokens if responses have usage."""

    # Per completed image; an estimate if the provider bills tokens. With `per_megapixel`, it covers one megapixel.
    per_image: float = 0.0
    # Per further megapixel of the result, and per megapixel of each input image.
    per_megapixel: float = 0.0
    # A parameter whose value decides the price of an image, e.g. "quality", and the price by value.
    deciding_param: str = ""
    per_image_by_value: Mapping[str, float] = field(default_factory=dict)
    per_call: float = 0.0  # per call, independent of the number of images
    text_in: float = 0.0
    image_in: float = 0.0
    text_out: float = 0.0  # includes reasoning tokens
    image_out: float = 0.0
    # The most tokens that a budget holds for each input image, and for the text and the thinking of each result.
    most_tokens_in: int = 0
    most_tokens_out: int = 0
    source: str = ""


@frozen_dataclass(kw_only=True)
class ModelCapabilities:
    """The capabilities of one model."""

    id: str
    upstream_name: str = ""  # the provider's own name, if it differs from the id
    max_images: int = 1  # maximum number of input images
    accepted_formats: tuple[str, ...] = INPUT_FORMATS  # the formats that a caller may send
    # The formats that the provider accepts. The gateway converts others.
    upstream_formats: tuple[str, ...] = UPSTREAM_FORMATS
    max_image_bytes: int = 50_000_000
    max_request_bytes: int = 0  # maximum of all images and the mask together; 0: no limit
    size_limits: SizeLimits = SizeLimits()
    requires_square: bool = False  # input images must be square
    requires_opaque: bool = False  # the gateway removes transparency from input images
    prompt_mode: Literal["required", "optional", "unread"] = "required"
    max_prompt_chars: int = 32_000
    max_n: int = 10  # maximum number of result images
    max_n_per_call: int = 10  # maximum per call; the gateway splits a larger n into several calls
    mask_format: MaskFormat | None = None
    max_mask_bytes: int = 50_000_000
    requires_mask: bool = False  # a mask, or transparency in the image, must mark the area to edit
    params: Mapping[str, ParameterSpec] = field(default_factory=dict)
    # The contract's defaults for parameters that the caller omits. The gateway sends them, because the serving model
    # may have other defaults.
    default_params: Mapping[str, str] = field(default_factory=dict)
    output_formats: tuple[str, ...] = OUTPUT_FORMATS  # the formats that the provider makes
    supports_compression: bool = True  # output_compression has the same meaning as at OpenAI
    supports_streaming: bool = False
    default_response_format: ResponseFormat = "b64_json"  # if the caller sends none
    # results may be transparent even if the request does not ask for it
    may_return_transparency: bool = False
    # results have another geometry by design, so it cannot be restored
    changes_geometry: bool = False
    # follows instructions, so the prompt can describe the region to edit
    follows_instructions: bool = False
    price: Price = Price()
    operation: str = ""  # the name of its operation, if the provider has several
    operation_match: OperationMatch | None = None  # the requests that select this operation
    operations: tuple[str, ...] = ()  # ids of operations; the first one that matches serves

    @property
    def is_local_editor(self) -> bool:
        """Whether the gateway edits the image itself, so that unmarked pixels stay unchanged."""
        return self.mask_format is not None and self.mask_format.polarity == "direct"


@frozen_dataclass
class ParsedError:
    """A provider's error, as its adapter parsed it from the response.

    With an empty kind the HTTP status decides the error class. On a success status that class is UpstreamError.
    """

    kind: ErrorKind = ""
    message: str = ""
    code: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    # if the provider's terms are known; None: the default of the error class
    billed: Billed | None = None
    # seconds, if the provider sends them elsewhere than in Retry-After
    retry_after: float | None = None


class ProviderFailure(Exception):
    """An error that an adapter found in a response with a success status. `run_conversation` turns it into a Fault."""

    def __init__(self, error: ParsedError) -> None:
        super().__init__(error.message)
        self.error = error


@frozen_dataclass
class Auth:
    """How the gateway authenticates to a provider."""

    header: str
    prefix: str = ""  # the text before the key
    # keys with these prefixes go into Authorization: Bearer ...
    bearer_key_prefixes: tuple[str, ...] = ()
    # The identity to use without a key: the function's own AWS role, Google credentials or Entra credentials.
    identity: Literal["", "aws", "gcp", "entra"] = ""
    scope: str = ""  # the AWS service name, or an OAuth scope


@frozen_dataclass(kw_only=True)
class Provider:
    """One provider: its name, its edit flow, its error parser, its settings and its models."""

    name: str  # the name in model ids and headers
    title: str
    docs_url: str
    edit_flow: Callable[[ProviderJob], Conversation]
    models: tuple[ModelCapabilities, ...]
    default_model: str
    parse_error: Callable[[ProviderResponse], ParsedError] = lambda _: ParsedError()
    env_prefix: str = ""  # the prefix of its variables: <env>_API_KEY, <env>_BASE_URL, ...
    # setting -> variables of the provider's SDKs and tools, which count if <env>_<NAME> is not set
    vendor_variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    base_url: str = ""
    auth: Auth | None = None  # None: needs no key
    # the setting that an operator must set if there is no base_url
    base_url_setting: str = "base_url"
    settings: tuple[str, ...] = ()  # further settings, read from <env>_<NAME>
    secrets: tuple[str, ...] = ()  # settings that only the identity code reads
    # x-portkey- header -> setting, or KEY
    portkey_settings: Mapping[str, str] = field(default_factory=dict)
    # prefixes of its x-portkey- headers, including refused headers
    header_prefixes: tuple[str, ...] = ()
    refused_headers: Mapping[str, str] = field(default_factory=dict)  # refused header -> remedy
    # settings -> base URL, or "" when settings are missing
    resolve_base_url: Callable[[Mapping[str, str]], str] | None = None
    # more hosts that may receive the key: "api.x.ai"; "api.*.x.ai": any one label
    key_hosts: tuple[str, ...] = ()
    # hosts of its result URLs; empty: unknown, so any public host
    result_hosts: tuple[str, ...] = ()
    # the images that the provider receives, if not the job's own
    upstream_images: Callable[[ProviderJob], tuple[EncodedImage, ...]] | None = None
    # A free request that fails when the key is invalid, or a function that makes it from the settings.
    health_check: ProviderRequest | Callable[[Mapping[str, str]], ProviderRequest] | None = None
    # The shutdown date of each model in the response to the health check; None: none is announced.
    read_shutdown_dates: Callable[[ProviderResponse], Mapping[str, date | None]] | None = None
    # The names of all models in the response to the health check; None: it does not list them all.
    read_model_names: Callable[[ProviderResponse], Collection[str] | None] | None = None
    # capabilities for deployment names that the operator chose
    deployment_template: ModelCapabilities | None = None
    is_paid: bool = True  # a successful edit costs money

    def variables(self, setting: str) -> tuple[str, ...]:
        """Return the environment variables of a setting. The first one that has a value counts."""
        return (f"{self.env_prefix}_{setting.upper()}", *self.vendor_variables.get(setting, ()))

    def read_settings(
        self, environment: Mapping[str, str], names: tuple[str, ...]
    ) -> dict[str, str]:
        """Return the settings that have a value: the key, the base URL and `names`."""
        setting_names = (API_KEY_SETTING, "base_url", *names) if self.env_prefix else ()
        values = {
            name: next(
                filter(None, (environment.get(v, "").strip() for v in self.variables(name))), ""
            )
            for name in setting_names
        }
        return {name: value for name, value in values.items() if value}

    def find_model(self, model_id: str) -> ModelCapabilities | None:
        """Return the model with this id, else the model with this provider name, else the deployment template.

        Returns None when the provider has no such model and no deployment template.
        """
        by_id = next((m for m in self.models if m.id == model_id), None)
        match = by_id or next((m for m in self.models if m.upstream_name == model_id), None)
        return match or self.deployment_template


def collect_header_prefixes(providers: Iterable[Provider]) -> tuple[str, ...]:
    """Return the prefixes of all x-portkey- headers of these providers."""
    return tuple(family for provider in providers for family in provider.header_prefixes)
