"""Planning rules for the prompt and images: the limits of the contract, and the files for the provider."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import Conversion, EditRequest, EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.core.geometry import Placement, Size
from retouch.core.image_formats import COMMON_COLOURS
from retouch.imaging.limits import exceeds_webp_limits
from retouch.planning.image_fit import place_within_limits

Notes = tuple[str, ...]
_PHOTO_FORMATS = ("heic", "avif")
_PNG_BYTES_PER_PIXEL = 3  # of noise in colour


def check_inputs(
    requested: ModelCapabilities, serving: ModelCapabilities, request: EditRequest
) -> Notes:
    """Check the prompt, the images and `n` against the requested model's contract. Return the notes.

    Raises InvalidRequest, which names the value, the rule and the remedy.
    """
    notes = _check_prompt(requested, request)
    _check_image_count(requested, request)
    for index, image in enumerate(request.images):
        name = image_name(request, index)
        _check_format(requested, serving, image, name)
        # The gateway may recompress a PNG without loss, so `prepare` checks its size, except for a retired model.
        if image.format != "png" or requested is not serving:
            _check_file_size(requested.max_image_bytes, image, name)
    if request.n > requested.max_n:
        raise InvalidRequest(
            f"{requested.id} makes at most n={requested.max_n} images, not {request.n}.", param="n"
        )
    return notes


def image_name(request: EditRequest, index: int) -> str:
    """Return the name of an image in errors."""
    return f"image[{index}]" if len(request.images) > 1 else "image"


def _check_prompt(requested: ModelCapabilities, request: EditRequest) -> Notes:
    if requested.prompt_mode == "required" and not request.prompt:
        raise InvalidRequest(
            "Missing required parameter: 'prompt'. Describe what to change.",
            param="prompt",
            code="missing_required_parameter",
        )
    if len(request.prompt) > requested.max_prompt_chars:
        raise InvalidRequest(
            f"'prompt' has {len(request.prompt)} characters; "
            f"{requested.id} takes at most {requested.max_prompt_chars}. Shorten it.",
            param="prompt",
            code="string_above_max_length",
        )
    is_unread = requested.prompt_mode == "unread" and request.prompt
    return (f"prompt: {requested.id} does not use a prompt",) if is_unread else ()


def _check_image_count(requested: ModelCapabilities, request: EditRequest) -> None:
    if len(request.images) > requested.max_images:
        raise InvalidRequest(
            f"The request has {len(request.images)} images; "
            f"{requested.id} takes at most {requested.max_images}. Send fewer.",
            param="image",
            code="too_many_images",
        )


def _check_format(
    requested: ModelCapabilities, serving: ModelCapabilities, image: EncodedImage, name: str
) -> None:
    if image.format not in requested.accepted_formats:
        takes_format = image.format in serving.accepted_formats
        successor = f", or send its successor as the model: {serving.id}" if takes_format else ""
        raise InvalidRequest(
            f"'{name}' is a {image.format.upper()} file; "
            f"{requested.id} takes {_join_formats(requested.accepted_formats)}. Convert it first{successor}.",
            param=name,
            code="unsupported_image_format",
        )


def _check_file_size(max_bytes: int, image: EncodedImage, name: str) -> None:
    if len(image.data) >= max_bytes:
        raise InvalidRequest(
            f"'{name}' has {len(image.data)} bytes; it must be under {max_bytes}. Scale it down or compress it.",
            param=name,
            code="image_file_too_large",
        )


def fit_images(
    serving: ModelCapabilities, request: EditRequest, placement: Placement | None
) -> tuple[tuple[EncodedImage, ...], Notes]:
    """Return the images, each with the conversion that `prepare` must apply, and the notes on what is converted.

    An image that can be sent unchanged has no conversion. An embedded editor reads every image as it is, because a
    conversion would change pixels that the mask does not mark. `placement` is that of the first image.
    """
    pixel_notes = tuple(note for image in request.images for note in _pixel_notes(image))
    if serving.is_local_editor and placement is None:
        return request.images, pixel_notes
    placements = [
        placement,
        *(_place_image(serving, request, index) for index in range(1, len(request.images))),
    ]
    pairs = zip(request.images, placements, strict=True)
    fitted_images = tuple(_fit_image(serving, image, frame) for image, frame in pairs)
    conversion_notes = (
        f"image: {p.format} was converted to {p.conversion.format}"
        for p in fitted_images
        if p.conversion and p.conversion.format != p.format
    )
    return fitted_images, tuple(dict.fromkeys((*conversion_notes, *pixel_notes)))


def _pixel_notes(image: EncodedImage) -> Notes:
    """Return notes on pixels that are converted to 8 bits a channel, to RGB or to sRGB.

    The note on colours names the colour space if the file does.
    """
    colours = image.header.colours if image.header else COMMON_COLOURS
    if colours == COMMON_COLOURS:
        return ()
    if colours.is_cmyk:
        return (f"image: the CMYK colours of the {image.format} were converted to sRGB",)
    notes = []
    if colours.has_16_bits:
        notes.append(f"image: the 16 bits a channel of the {image.format} were converted to 8")
    if colours.has_other_colours:
        name = f" ({colours.colour_name})" if colours.colour_name else ""
        notes.append(f"image: its colours{name} were converted to sRGB")
    return tuple(notes)


def _place_image(serving: ModelCapabilities, request: EditRequest, index: int) -> Placement | None:
    return place_within_limits(
        serving, request.images[index], request.fit_mode, image_name(request, index)
    )


def _fit_image(
    serving: ModelCapabilities, image: EncodedImage, placement: Placement | None
) -> EncodedImage:
    drop_alpha = serving.requires_opaque and image.has_alpha
    is_accepted = image.format in serving.upstream_formats
    if placement and placement.canvas == image.size:
        placement = None
    if is_accepted and not (placement or drop_alpha or image.has_exif_rotation):
        return image
    size = placement.canvas if placement else image.size
    upstream_format = image.format if is_accepted else _conversion_format(serving, image, size)
    if upstream_format == "webp" and exceeds_webp_limits(size):
        upstream_format = next(format for format in serving.upstream_formats if format != "webp")
    return replace(image, conversion=Conversion(upstream_format, placement, drop_alpha))


def _conversion_format(serving: ModelCapabilities, image: EncodedImage, size: Size) -> str:
    """Return the format to which an image is converted that the provider does not take.

    An opaque image becomes a JPEG when it is a photo that was compressed with loss, or when its PNG of `size` pixels
    might exceed the limits of the model. Unmarked pixels come from the caller's own file, so the loss does not reach
    them. Every other image becomes the provider's first format.
    """
    prefers_jpeg = image.format in _PHOTO_FORMATS or _may_exceed_limits(serving, size)
    if prefers_jpeg and not image.has_alpha and "jpeg" in serving.upstream_formats:
        return "jpeg"
    return serving.upstream_formats[0]


def _may_exceed_limits(serving: ModelCapabilities, size: Size) -> bool:
    """Return whether a PNG of that size might be too large for the model. Noise does not compress."""
    max_bytes = min(serving.max_image_bytes, serving.max_request_bytes or serving.max_image_bytes)
    return size[0] * size[1] * _PNG_BYTES_PER_PIXEL >= max_bytes


def _join_formats(formats: tuple[str, ...]) -> str:
    return ", ".join(name.upper() for name in formats)
