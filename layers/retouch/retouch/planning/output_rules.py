"""Planning rules for the result: URL or base64, format, compression, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest, EncodedImage, ResponseFormat
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Placement, Size
from retouch.core.resolved_model import ResolvedModel
from retouch.core.settings import Settings
from retouch.core.sizes import (
    AspectRatios,
    FixedSizes,
    SameAsInput,
    SizeRange,
    aspect_difference,
    parse_ratio,
    parse_size,
)
from retouch.imaging.formats.density import PixelDensity, read_density
from retouch.imaging.limits import (
    DEFAULT_LIMITS,
    MAX_WEBP_EDGE,
    exceeds_lossless_webp_limit,
    exceeds_webp_limits,
)
from retouch.planning.preserve import OriginalPixels, PreservePlan

# shapes that differ by less count as equal: the distortion is not visible
_MAX_SHAPE_DIFFERENCE = 0.04


@frozen_dataclass
class KnownDensity:
    """The pixel density of an image, and the size of the image in pixels."""

    density: PixelDensity
    size: Size


@frozen_dataclass
class ImageDelivery:
    """The processing of completed images before the gateway returns them.

    The cache key includes every field.
    """

    response_format: ResponseFormat = "b64_json"
    convert_to: str | None = None  # png, jpeg or webp, if the provider cannot make it
    compression: int | None = None  # 0..100, only with convert_to
    scale_to: Size | None = None  # if the provider makes another size
    flatten: bool = False  # on white, if the request wants an opaque background
    placement: Placement | None = None  # the padding or scaling to undo
    original_pixels: OriginalPixels | None = None  # the original pixels to restore outside the mask
    # number of pixels that the model leaves unchanged, so nothing restores them
    untouched_pixels: int | None = None
    density: KnownDensity | None = None  # that of the first image; results of its size get it
    # What the provider was asked for. A result in another format is converted, because some hosts ignore the request.
    asked_format: str | None = None
    asked_compression: int | None = None

    @property
    def has_image_changes(self) -> bool:
        """Return whether the gateway must decode the provider's file."""
        return bool(
            self.convert_to
            or self.scale_to
            or self.flatten
            or self.placement
            or self.original_pixels
        )


Params = dict[str, Any]


def fit_delivery(
    resolved: ResolvedModel,
    request: EditRequest,
    params: Mapping[str, Any],
    settings: Settings,
    placement: Placement | None,
    preservation: PreservePlan,
) -> tuple[Params, ImageDelivery, tuple[str, ...]]:
    """Return the parameters to send, the processing of the result, and the notes on both.

    Raises InvalidRequest when the model and the gateway together cannot make the requested result.
    """
    requested, serving, sent_params = resolved.requested, resolved.serving, dict(params)
    response_format, notes = _choose_response_format(requested, request, settings)
    scale_to, size_notes = _plan_size(serving, request, sent_params)
    convert_to, compression, format_notes = _plan_format(
        serving, sent_params, preservation.original_pixels is not None
    )
    preserves_pixels = (
        preservation.original_pixels is not None or preservation.untouched_pixels is not None
    )
    flatten, background_notes = _plan_background(
        serving, sent_params, preserves_pixels and request.images[0].has_alpha
    )
    loss_notes = (*(_lossy_format_notes(params) if preserves_pixels else ()), *background_notes)
    delivery = ImageDelivery(
        response_format,
        convert_to,
        compression,
        scale_to,
        flatten,
        placement,
        preservation.original_pixels,
        None if loss_notes else preservation.untouched_pixels,
    )
    delivery = _add_file_details(delivery, serving, request, sent_params)
    output_size = request.images[0].size if placement or preserves_pixels else None
    makes_exact_file = preserves_pixels or serving.is_local_editor
    _check_output_size(scale_to or output_size or (1, 1), params, makes_exact_file)
    return sent_params, delivery, (*notes, *size_notes, *format_notes, *loss_notes)


def _add_file_details(
    delivery: ImageDelivery,
    serving: ModelCapabilities,
    request: EditRequest,
    sent_params: Mapping[str, Any],
) -> ImageDelivery:
    """Return the delivery with the format that the provider was asked for, and with the density of the file."""
    if not delivery.convert_to and not serving.is_local_editor:
        delivery = replace(
            delivery,
            asked_format=sent_params.get("output_format"),
            asked_compression=sent_params.get("output_compression"),
        )
    if delivery.has_image_changes or serving.is_local_editor:  # the gateway makes the file
        delivery = replace(delivery, density=_density_to_keep(request.images[0]))
    return delivery


def _density_to_keep(image: EncodedImage) -> KnownDensity | None:
    """Return the pixel density of the image as displayed, and the size to which it belongs."""
    density = read_density(image.data, image.format)
    if density and image.header and image.header.orientation >= 5:
        density = PixelDensity(density.y, density.x)
    return KnownDensity(density, image.size) if density else None


def _check_output_size(size: Size, params: Mapping[str, Any], makes_exact_file: bool) -> None:
    """Raise InvalidRequest when the gateway itself would make an image above its limits or those of WebP.

    `size` is in pixels. `params` holds the requested parameters. `makes_exact_file` says that every pixel of the result
    counts: the gateway then makes a WebP without loss unless `output_compression` permits loss.
    """
    pixels = size[0] * size[1]
    is_lossless = makes_exact_file and params.get("output_compression") in (None, 100)
    if params.get("output_format") == "webp" and exceeds_webp_limits(size):
        raise InvalidRequest(
            f"The result would have {size[0]}x{size[1]} pixels; a WebP result has at most {MAX_WEBP_EDGE} pixels "
            f"an edge and {DEFAULT_LIMITS.webp_pixels} in total. Send output_format png or jpeg.",
            param="output_format",
        )
    if params.get("output_format") == "webp" and is_lossless and exceeds_lossless_webp_limit(size):
        raise InvalidRequest(
            f"The result would have {size[0]}x{size[1]} pixels; a WebP without loss has at most "
            f"{DEFAULT_LIMITS.lossless_webp_pixels} in total. Send output_format png, or an output_compression below "
            "100, which changes every pixel a little.",
            param="output_format",
        )
    if max(size) > DEFAULT_LIMITS.side or pixels > DEFAULT_LIMITS.pixels:
        raise InvalidRequest(
            f"'size' is {size[0]}x{size[1]}; a result has at most {DEFAULT_LIMITS.side} pixels an edge "
            f"and {DEFAULT_LIMITS.pixels} in total. Send a smaller 'size'.",
            param="size",
        )


def _choose_response_format(
    requested: ModelCapabilities, request: EditRequest, settings: Settings
) -> tuple[ResponseFormat, tuple[str, ...]]:
    wanted = request.response_format or requested.default_response_format
    if wanted == "b64_json":
        return "b64_json", ()
    if request.stream:
        _refuse_explicit_url(
            request, "cannot be streamed because events contain b64_json; leave it out"
        )
        return "b64_json", ("response_format: events contain b64_json",)
    if not settings.bucket:
        _refuse_explicit_url(
            request, "needs a bucket for results; set RETOUCH_BUCKET on the gateway"
        )
        return "b64_json", (
            "response_format: no bucket is configured, so the response contains b64_json",
        )
    return "url", ()


def _refuse_explicit_url(request: EditRequest, reason: str) -> None:
    if request.response_format is not None:
        raise InvalidRequest(
            f"response_format 'url' {reason}, or send b64_json.", param="response_format"
        )


def _plan_size(
    serving: ModelCapabilities, request: EditRequest, sent_params: Params
) -> tuple[Size | None, tuple[str, ...]]:
    """Return the size to scale the result to, if any, and the notes on it.

    Where the model does not make the requested size, this function replaces the size parameters in `sent_params`.
    Raises InvalidRequest when the model makes no image of the requested shape.
    """
    spec = serving.params.get("size")
    wanted = parse_size(sent_params.get("size", ""))
    if isinstance(spec, AspectRatios | SameAsInput):
        sent_params.pop("size", None)
    if wanted is None:
        return None, ()
    if isinstance(spec, AspectRatios):
        return _plan_aspect_ratio(serving, spec, wanted, sent_params)
    if isinstance(spec, SameAsInput):
        return _plan_size_as_input(serving, request, wanted)
    if not isinstance(spec, FixedSizes | SizeRange) or spec.is_allowed(wanted):
        return None, ()
    render_size = spec.find_larger_size(wanted)
    if render_size is None:
        raise _unsupported_shape_error(serving, wanted, f"must be {spec.rule()}")
    sent_params["size"] = f"{render_size[0]}x{render_size[1]}"
    return wanted, (
        f"size: rendered at {sent_params['size']} and scaled to {wanted[0]}x{wanted[1]}",
    )


def _plan_aspect_ratio(
    serving: ModelCapabilities, spec: AspectRatios, wanted: Size, sent_params: Params
) -> tuple[Size, tuple[str, ...]]:
    for name in ("aspect_ratio", "resolution"):
        if name in sent_params:
            raise InvalidRequest(f"Send 'size' or '{name}', not both.", param=name)
    ratio, tier = spec.nearest_ratio(wanted), spec.smallest_tier(wanted)
    if aspect_difference(parse_ratio(ratio), wanted) > _MAX_SHAPE_DIFFERENCE:
        raise _unsupported_shape_error(
            serving, wanted, f"must be {spec.rule()}; the nearest is {ratio}"
        )
    sent_params.update({"aspect_ratio": ratio, **({"resolution": tier} if tier else {})})
    rendered_as = f"{ratio} at {tier}" if tier else ratio
    return wanted, (f"size: rendered as {rendered_as} and scaled to {wanted[0]}x{wanted[1]}",)


def _plan_size_as_input(
    serving: ModelCapabilities, request: EditRequest, wanted: Size
) -> tuple[Size, tuple[str, ...]]:
    image_size = request.images[0].size
    if aspect_difference(image_size, wanted) > _MAX_SHAPE_DIFFERENCE:
        rule = (
            "it keeps the shape of the input image, "
            f"so 'size' must have the shape of {image_size[0]}x{image_size[1]}"
        )
        raise _unsupported_shape_error(serving, wanted, rule)
    return wanted, (
        f"size: {serving.id} has no size parameter, so the result was scaled to {wanted[0]}x{wanted[1]}",
    )


def _unsupported_shape_error(serving: ModelCapabilities, wanted: Size, rule: str) -> InvalidRequest:
    return InvalidRequest(
        f"{serving.id} cannot make an image of the shape {wanted[0]}x{wanted[1]}: {rule}.",
        param="size",
    )


def _plan_format(
    serving: ModelCapabilities, sent_params: Params, preserves_pixels: bool
) -> tuple[str | None, int | None, tuple[str, ...]]:
    """Return the format and the compression that the gateway must make itself, and the notes on them.

    The gateway converts the provider's image when the provider cannot make the requested format or compression.
    `preserves_pixels` says whether the gateway restores original pixels, which needs a lossless image from the
    provider. In these cases this function replaces the format parameters in `sent_params`.
    """
    wanted, compression = sent_params.get("output_format"), sent_params.get("output_compression")
    if wanted is None:
        return (
            ("png", None, ())
            if preserves_pixels and "png" not in serving.output_formats
            else (None, None, ())
        )
    accepts_format = "output_format" in serving.params
    can_compress = serving.supports_compression and "output_compression" in serving.params
    if (
        accepts_format
        and wanted in serving.output_formats
        and (compression is None or can_compress)
        and not preserves_pixels
    ):
        return None, None, ()
    sent_params.pop("output_compression", None)
    sent_params.pop("output_format")
    if accepts_format:
        sent_params["output_format"] = (
            "png" if "png" in serving.output_formats else serving.output_formats[0]
        )
    return (
        wanted,
        compression,
        (f"output_format: {wanted} was converted from the provider's image",),
    )


def _plan_background(
    serving: ModelCapabilities, sent_params: Params, may_be_transparent: bool
) -> tuple[bool, tuple[str, ...]]:
    """Return whether the gateway must flatten the result, and the notes on it.

    `may_be_transparent` says whether the restored original pixels may be transparent. For a model without a
    `background` parameter this function removes the parameter from `sent_params`.
    """
    accepts_background = serving.is_local_editor or "background" in serving.params
    wanted = (
        sent_params.get("background") if accepts_background else sent_params.pop("background", None)
    )
    if wanted != "opaque":
        return False, ()
    flatten = not serving.is_local_editor and (
        may_be_transparent or (serving.may_return_transparency and not accepts_background)
    )
    note = "background: transparent parts of the image are placed on white"
    return flatten, (note,) if may_be_transparent else ()


def _lossy_format_notes(params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a note when the output format is lossy and so changes the preserved pixels."""
    output_format, compression = params.get("output_format"), params.get("output_compression")
    is_lossy = output_format == "jpeg" or (
        output_format == "webp" and compression not in (None, 100)
    )
    return (f"preserve: {output_format} is lossy",) if is_lossy else ()
