"""The data types of an edit: the request as it is parsed and checked, its images and masks, and generated images.

HttpRequest -> ParsedForm -> ResolvedInputs -> EditRequest. All of them are immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

import pybase64

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Placement
from retouch.core.geometry import Size as Size
from retouch.core.image_formats import ImageHeader

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels


ResponseFormat = Literal["b64_json", "url"]
FitMode = Literal["auto", "strict", "pad", "scale"]  # `planning.fit_mode` says what they mean
# What marks the pixels to edit: transparent, opaque, white or black pixels of a file, pixels of another colour than the
# background of a file, or shapes.
MaskMarking = Literal["alpha", "opaque", "white", "black", "colour", "shapes"]
# The levels at the edge of a mask. "hard": only 0 and 255. "soft": the file has ramps. "feathered": the request asked
# for a ramp inside the marked area.
MaskEdge = Literal["hard", "soft", "feathered"]


@frozen_dataclass
class HttpRequest:
    """An HTTP request, independent of the type of the Lambda event. Header names are lower-case."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    base_url: str = ""  # the gateway's own URL from the event, without a trailing slash
    has_trailing_slash: bool = False  # of the path that the client requested; `path` has none


class FormText(str):
    """A value from form text, which has no type yet. A plain `str` comes from JSON and has its type."""

    __slots__ = ()


@frozen_dataclass
class Part:
    """One part of a multipart body. `filename` is the sender's claim and is never used. A file may have none."""

    name: str
    data: bytes
    filename: str | None = None
    is_file: bool = False


@frozen_dataclass
class ImageReference:
    """A reference to an image that the request does not contain. `field` is the name of its field, for errors."""

    kind: Literal["upload", "object", "web"]
    name: str  # an upload's id, bucket/key, or an https URL
    field: str


ImageInput = bytes | ImageReference


@frozen_dataclass
class MaskShapes:
    """A mask that is described by shapes: boxes, circles, ellipses, polygons."""

    spec: Mapping[str, Any]


@frozen_dataclass
class ParsedForm:
    """The fields of a request before validation: scalars by name, images in order."""

    values: Mapping[str, Any]
    images: tuple[ImageInput, ...] = ()
    mask: ImageInput | MaskShapes | None = None


@frozen_dataclass
class ResolvedInputs:
    """A ParsedForm in which the bytes of all images replace the references."""

    values: Mapping[str, Any]
    images: tuple[bytes, ...] = ()
    mask: bytes | MaskShapes | None = None


@frozen_dataclass
class Conversion:
    """The conversion that the plan requires and that `prepare` applies before an image is sent."""

    format: str  # one of the formats that the provider takes
    placement: Placement | None = None  # the scaling or padding
    drop_alpha: bool = False  # remove transparency


@frozen_dataclass
class EncodedImage:
    """An encoded image and the metadata from its header. Sizes are as displayed, after EXIF orientation."""

    data: bytes = field(repr=False)
    format: str  # one of INPUT_FORMATS, from the magic bytes
    width: int
    height: int
    has_alpha: bool = False
    has_exif_rotation: bool = False  # EXIF orientation other than 1
    conversion: Conversion | None = None  # None: sent unchanged, but without its metadata
    # The header from the structure check. None: the file is not checked yet, so decoding checks it.
    header: ImageHeader | None = field(default=None, repr=False, compare=False)

    @property
    def size(self) -> Size:
        """The width and height in pixels, as displayed."""
        return self.width, self.height

    @property
    def media_type(self) -> str:
        """The media type from the actual format, e.g. image/png."""
        return f"image/{self.format}"

    def to_base64(self) -> str:
        """Return the file as base64 text."""
        return pybase64.b64encode_as_string(self.data)

    def to_data_url(self) -> str:
        """Return the file as a base64 data: URL."""
        return f"data:{self.media_type};base64,{self.to_base64()}"


@frozen_dataclass
class MaskOrigin:
    """How a mask was made. Errors and notes about the mask depend on it."""

    marking: MaskMarking = "alpha"
    is_guessed: bool = False  # mask_mode=auto chose `marking`
    is_turned: bool = False  # mask_mode=auto turned the file like the image
    scaled_from: Size | None = None  # mask_mode=auto scaled the file from this size
    is_default: bool = False  # the request names no mask_mode
    is_thresholded: bool = False  # grey levels of the file became 0 or 255
    grow: int = 0  # pixels by which the marked area was expanded, or shrunk if below 0


@frozen_dataclass
class Mask:
    """The area to edit.

    `pixels` is an 8-bit Pillow image: 255 = edit, 0 = preserve, and a level between is a partial strength. It has the
    size of the first image as displayed.
    """

    pixels: Pixels = field(repr=False)
    coverage: float  # share of marked pixels, 0..1
    edge: MaskEdge = "hard"
    source_file: EncodedImage | None = None  # the caller's file, if it may be sent unchanged
    origin: MaskOrigin = MaskOrigin()
    # The weights for blending the result with the original, if they differ from `pixels`.
    blend_pixels: Pixels | None = field(default=None, repr=False)

    @property
    def has_soft_edges(self) -> bool:
        """Whether `pixels` has levels between 0 and 255."""
        return self.edge != "hard"


@frozen_dataclass
class EditRequest:
    """A validated edit request. Its values are checked as far as possible without knowledge of the model."""

    prompt: str
    images: tuple[EncodedImage, ...]
    mask: Mask | None
    model: str | None
    n: int
    response_format: ResponseFormat | None
    stream: bool
    preserve: bool | None  # None: preserve pixels only where the result allows it
    fit_mode: FitMode
    dry_run: bool
    allow_full_mask: bool
    params: Mapping[str, Any]  # all other parameters by public name, not yet checked


@frozen_dataclass
class GeneratedImage:
    """One completed image. It is stored as base64 or bytes, as the provider sent it, and converted on demand."""

    b64: str = field(default="", repr=False)
    data: bytes = field(default=b"", repr=False)
    revised_prompt: str | None = None
    # size, quality, usage ... from the provider's response
    metadata: Mapping[str, Any] = field(default_factory=dict)
    # The link to the image, when it is stored already. It then has no bytes here.
    stored_url: str = field(default="", repr=False)
    # what the provider states as the price of this image; None: it states none
    cost_micro_dollars: int | None = None

    def to_bytes(self) -> bytes:
        """Return the encoded image. Raises ValueError when the provider's base64 is invalid."""
        return self.data or pybase64.b64decode(self.b64, validate=True)

    def to_base64(self) -> str:
        """Return the encoded image as base64 text."""
        return self.b64 or pybase64.b64encode_as_string(self.data)
