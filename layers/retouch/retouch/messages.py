"""The nouns that travel. Every room takes one of these and returns the next; none is ever changed.

Inbound -> Form -> Material -> Wish -> Plan(Job ...) -> Call / Reply ... -> Artifact -> Result
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pybase64

from retouch import longjson
from retouch.framing import Frame
from retouch.framing import Size as Size

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

ResponseFormat = Literal["b64_json", "url"]
Fit = Literal["strict", "pad", "scale"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """An HTTP request, whatever kind of event it came in. Header names are lower-case."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    base: str = ""  # the gateway's own address as the front knows it, without a slash at its end


class Text(str):
    """A value that came as form text and so has no type yet; a plain `str` came typed, from JSON."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body. `filename` is what the sender claims: never used for anything."""

    name: str
    data: bytes
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture that is named instead of sent. `field` is where, for errors."""

    kind: Literal["upload", "object", "web"]
    name: str  # an upload's id, bucket/key, or an https URL
    field: str


Image = bytes | Reference


@dataclass(frozen=True, slots=True)
class Shapes:
    """A mask that is described instead of drawn: boxes, circles, ellipses, polygons."""

    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """The request's fields, still without opinion: scalars by name, pictures in order."""

    values: Mapping[str, Any]
    images: tuple[Image, ...] = ()
    mask: Image | Shapes | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """A Form whose pictures are all at hand."""

    values: Mapping[str, Any]
    images: tuple[bytes, ...] = ()
    mask: bytes | Shapes | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How prepare is to make the file that is sent: the plan's word."""

    format: str  # "png", "jpeg" or "webp"
    frame: Frame | None = None  # scaled or padded so
    opaque: bool = False  # without transparency


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture and what its header says. Sizes are as displayed, after EXIF orientation."""

    data: bytes = field(repr=False)
    format: str  # "png", "jpeg" or "webp", from the magic bytes
    width: int
    height: int
    has_alpha: bool = False
    rotated: bool = False  # EXIF orientation other than 1
    recipe: Recipe | None = None  # None: sent as it is, less its metadata

    @property
    def size(self) -> Size:
        """Width and height in pixels, as displayed."""
        return self.width, self.height

    @property
    def mime(self) -> str:
        """The true media type, e.g. image/png."""
        return f"image/{self.format}"

    def base64(self) -> str:
        """The file as base64 text."""
        return pybase64.b64encode_as_string(self.data)

    def data_url(self) -> str:
        """The file as a base64 data: URL."""
        return f"data:{self.mime};base64,{self.base64()}"


@dataclass(frozen=True, slots=True)
class Mask:
    """What to edit. `edit` is 8-bit, 255 = edit, 0 = keep, as large as the first picture displayed."""

    edit: Pixels = field(repr=False)
    coverage: float  # share of pixels marked, 0..1
    soft: bool  # has values between 0 and 255
    source: Picture | None = None  # the caller's file, where it may be sent on as it is


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants, typed and checked as far as possible without knowing the model."""

    prompt: str
    images: tuple[Picture, ...]
    mask: Mask | None
    model: str | None
    n: int
    response_format: ResponseFormat | None
    stream: bool
    preserve: bool | None  # None: where it comes by itself
    fit: Fit
    dry_run: bool
    allow_full_mask: bool
    params: Mapping[str, Any]  # everything else, by its public name, as it came


@dataclass(frozen=True, slots=True)
class Job:
    """One conversation's worth of work, already fitted to what the model can do."""

    model: str  # the provider's own name for it
    prompt: str
    images: tuple[Picture, ...]
    mask: Mask | None = None
    mask_file: Picture | None = None  # the mask in the provider's dialect, made by prepare
    n: int = 1
    stream: bool = False
    params: Mapping[str, Any] = field(
        default_factory=dict
    )  # declared by the card, canonical values
    options: Mapping[str, str] = field(default_factory=dict)  # the provider's own settings
    returns: bool = False  # the first picture is put back around the edit, so it must be readable


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request to a provider as data: no secret in it, nothing sent yet.

    A `path` starting with "/" is taken below the provider's base URL; anything else is a whole URL.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str, Picture], ...] = ()  # (part name, file name, picture)
    headers: Mapping[str, str] = field(default_factory=dict)  # beside the key and the content type
    stream: bool = False  # hand the body over in pieces, as it arrives
    after: float = 0.0  # seconds to wait first
    repeatable: bool = False  # costs nothing when sent twice (polls, downloads)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `chunks` is set instead of `body` where the call asked for a stream."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    chunks: Iterator[bytes] | None = None

    def json(self) -> Any:
        """The body as JSON; ValueError when it is something else."""
        return longjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One finished picture, kept in the encoding it came in until somebody needs the other."""

    b64: str = field(default="", repr=False)
    data: bytes = field(default=b"", repr=False)
    revised_prompt: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # size, quality, usage ... as answered

    def bytes(self) -> bytes:
        """The encoded picture; ValueError when the provider's base64 is broken."""
        return self.data or pybase64.b64decode(self.b64, validate=True)

    def base64(self) -> str:
        """The encoded picture as base64 text."""
        return self.b64 or pybase64.b64encode_as_string(self.data)


@dataclass(frozen=True, slots=True)
class Partial:
    """A preview on the way to a finished picture (streaming only)."""

    artifact: Artifact
    index: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished picture that is known before the conversation ends (streaming only)."""

    artifact: Artifact


Step = Call | Partial | Finished
Conversation = Generator[Step, Reply, list[Artifact]]
