"""Prepare a ProviderJob: convert its images and its mask to the files that the provider receives.

This module carries out what the plan decided. It makes no decision of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import Conversion, EncodedImage, Mask
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import replace
from retouch.core.geometry import Placement, Size
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.results.decoded_original import Original, may_restore_in_png
from retouch.imaging.codec import encode, encode_photo, flatten
from retouch.imaging.colour import decode_srgb, normalize_image
from retouch.imaging.formats.png import is_8bit_rgba
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.write import write_mask
from retouch.imaging.pillow import Image
from retouch.imaging.placement import place_image, place_mask
from retouch.imaging.png_lines import FilteredLines, read_lines
from retouch.imaging.png_output import recompress_png, recompress_png_same_mode
from retouch.planning.plan import Plan

# Pixels of the largest original that stays decoded during the call. Two of them need as much memory as the original
# and the result of the largest edit (docs/speed.md).
_MAX_KEPT_PIXELS = 26_000_000

ShrinkPng = Callable[[EncodedImage, int], EncodedImage | None]


def read_original(plan: Plan) -> Original | None:
    """Return the image whose pixels will be restored around the edit, or None if there is none.

    It is read before the call, because a provider would bill an edit that cannot be finished. Its lines are enough if
    the result may be a PNG and the provider gets the file as it is. Otherwise its pixels are returned as by
    `decode_srgb`. Raises InvalidRequest (image_parse_error).
    """
    original_pixels = plan.delivery.original_pixels
    if original_pixels is None:
        return None
    image, first_sent = original_pixels.image, plan.jobs[0].images[0]
    may_keep_lines = may_restore_in_png(plan.delivery) and not first_sent.conversion
    lines = read_lines(image) if may_keep_lines and _may_be_kept(image.size) else None
    return lines or decode_srgb(image, param=_param_name(plan.jobs[0].images, 0))


def keep_original(original: Original | None) -> Original | None:
    """Return the original if it may stay in memory until the result is there. A larger one is decoded again."""
    return original if original and _may_be_kept(original.size) else None


def _may_be_kept(size: Size) -> bool:
    return size[0] * size[1] <= _MAX_KEPT_PIXELS


def prepare_files(plan: Plan, original: Original | None) -> tuple[ProviderJob, ...]:
    """Return all jobs of a plan like `prepare_job`. They have the same images and the same mask."""
    pixels = None if isinstance(original, FilteredLines) else original
    first = prepare_job(plan.jobs[0], plan.resolved.serving, pixels)
    later = (replace(job, images=first.images, mask_file=first.mask_file) for job in plan.jobs[1:])
    return first, *later


def prepare_job(
    job: ProviderJob, model: ModelCapabilities, original: Image.Image | None = None
) -> ProviderJob:
    """Return the job with the image files and the mask file to send.

    An embedded editor gets the caller's own files, because a conversion would change unmarked pixels. `original` is
    the first image as `decode_srgb` returns it. Raises InvalidRequest (image_file_too_large) when a file cannot be
    made small enough, and InvalidRequest (image_parse_error) when an image that has to be converted cannot be decoded.
    """
    if model.is_local_editor and not job.images[0].conversion:
        return job
    decoded = (original, *[None] * len(job.images[1:]))
    images = tuple(
        _shrink_below(
            file_to_send(image, pixels), model.max_image_bytes, _param_name(job.images, i)
        )
        for i, (image, pixels) in enumerate(zip(job.images, decoded, strict=True))
    )
    mask_file = _build_mask_file(job, model)
    _check_total_bytes(images, mask_file, model)
    return replace(job, images=images, mask_file=mask_file)


def _param_name(images: Sequence[EncodedImage], index: int) -> str:
    return f"image[{index}]" if len(images) > 1 else "image"


def file_to_send(image: EncodedImage, pixels: Image.Image | None = None) -> EncodedImage:
    """Return the file to send: converted as `conversion` says, or the original file without its metadata.

    `pixels` are those of `decode_srgb(image)`, if the caller has them.
    """
    if image.conversion:
        return _convert_image(image, image.conversion, pixels or decode_srgb(image))
    return normalize_image(image, pixels)


def _convert_image(
    image: EncodedImage, conversion: Conversion, pixels: Image.Image
) -> EncodedImage:
    if conversion.drop_alpha:
        pixels = flatten(pixels)
    if conversion.placement:
        pixels = place_image(conversion.placement, pixels, fill="edge")
    is_new_jpeg = conversion.format == "jpeg" != image.format
    return inspect_image(encode_photo(pixels) if is_new_jpeg else encode(pixels, conversion.format))


def _build_mask_file(job: ProviderJob, model: ModelCapabilities) -> EncodedImage | None:
    """Return the mask file for the provider, or None when the provider needs no mask file.

    The client's own PNG is sent when it already has the provider's format and is small enough.
    """
    mask, mask_format = job.mask, model.mask_format
    if mask is None or mask_format is None or mask_format.polarity == "direct":
        return None
    conversion = job.images[0].conversion
    placement = conversion.placement if conversion else None
    original_file = (
        _original_mask_file(mask) if mask_format.polarity == "alpha" and placement is None else None
    )
    if original_file and len(original_file.data) < model.max_mask_bytes:
        return original_file
    placed_mask = _mask_on_canvas(mask, placement) if placement else mask
    mask_file = write_mask(
        placed_mask,
        mask_format.polarity,
        mode=mask_format.mode,
        soft=mask_format.supports_soft_edges,
    )
    return _shrink_below(mask_file, model.max_mask_bytes, "mask", recompress_png_same_mode)


def _mask_on_canvas(mask: Mask, placement: Placement) -> Mask:
    return replace(mask, pixels=place_mask(placement, mask.pixels), source_file=None)


def _original_mask_file(mask: Mask) -> EncodedImage | None:
    """Return the client's own mask file without metadata, or None when the provider needs another file."""
    source = mask.source_file
    if source is None or source.format != "png" or mask.has_soft_edges or source.has_exif_rotation:
        return None
    return normalize_image(source) if is_8bit_rgba(source.data) else None


def _shrink_below(
    image: EncodedImage, max_bytes: int, param: str, shrink: ShrinkPng = recompress_png
) -> EncodedImage:
    """Return the image, compressed again when it has `max_bytes` bytes or more.

    Raises InvalidRequest (image_file_too_large) when it cannot be made small enough.
    """
    if len(image.data) < max_bytes:
        return image
    smaller_image = shrink(image, max_bytes) if image.format == "png" else None
    if smaller_image is None:
        raise InvalidRequest(
            f"'{param}' would be sent with {len(image.data)} bytes; it must be under {max_bytes}. "
            "Scale it down or compress it.",
            param=param,
            code="image_file_too_large",
        )
    return smaller_image


def _check_total_bytes(
    images: tuple[EncodedImage, ...], mask_file: EncodedImage | None, model: ModelCapabilities
) -> None:
    """Raise InvalidRequest (image_file_too_large) when all files together exceed the model's request limit."""
    files = [*images, mask_file] if mask_file else images
    total = sum(len(file.data) for file in files)
    if model.max_request_bytes and total > model.max_request_bytes:
        raise InvalidRequest(
            f"The images have {total} bytes in total; {model.id} accepts {model.max_request_bytes}. "
            "Scale them down or compress them.",
            param="image",
            code="image_file_too_large",
        )
