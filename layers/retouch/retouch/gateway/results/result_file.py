"""Make the file of a result: restore the original pixels, bring it to its size, and encode it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retouch.core.edit_types import EncodedImage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.image_formats import OUTPUT_FORMATS
from retouch.gateway.results.decoded_original import DecodedOriginal, may_restore_in_png
from retouch.gateway.results.result_images import convert_to_provider_fault
from retouch.gateway.results.unmarked_pixels import (
    decode_needed_part,
    map_result,
    restore_unmarked_pixels,
)
from retouch.gateway.time_budget import TimeBudget
from retouch.imaging.codec import encode, encode_preserved, flatten, has_transparency, resize
from retouch.imaging.colour import decode_srgb
from retouch.imaging.limits import exceeds_lossless_webp_limit, exceeds_webp_limits
from retouch.imaging.placement import undo_placement
from retouch.imaging.prepared_original import write_restored_png
from retouch.planning.output_rules import ImageDelivery

if TYPE_CHECKING:
    from PIL.Image import Image

_LOSSLESS_FORMATS = ("png", "webp")  # these formats can store every pixel unchanged


@frozen_dataclass
class ResultFile:
    """A file for the caller. `preserved_pixels` is the number of restored pixels; None: none were to be restored."""

    data: bytes
    format: str
    size: Size
    preserved_pixels: int | None
    notes: tuple[str, ...]


def make_file(
    file: EncodedImage, delivery: ImageDelivery, time: TimeBudget, original: DecodedOriginal | None
) -> ResultFile:
    """Return the provider's file in the form that the plan requires.

    Raises UnreadableResult, UnsupportedResult, and TimeoutError between two steps.
    """
    original_pixels = delivery.original_pixels
    # The original is decoded first: its rotation takes twice its memory, which would not fit beside the result.
    decoded_again = decode_srgb(original_pixels.image) if original_pixels and not original else None
    time.require()
    result = _decode_result(file, delivery)
    restored = _restore_in_png(file, result, delivery, original) if original else None
    if restored:
        return restored
    before = _copy_or_decode(original, delivery) if original else decoded_again
    pixels, preserved_pixels, notes = _restore(file, result, delivery, before)
    time.require()
    return _encode(file.format, pixels, preserved_pixels, notes, delivery)


def _copy_or_decode(original: DecodedOriginal, delivery: ImageDelivery) -> Image | None:
    """Return pixels of the original that may be changed."""
    if original.pixels:
        return original.pixels.copy()
    return decode_srgb(delivery.original_pixels.image) if delivery.original_pixels else None


def _decode_result(file: EncodedImage, delivery: ImageDelivery) -> Image:
    """Return the pixels of the result, as far as they are needed."""
    original_pixels = delivery.original_pixels
    with convert_to_provider_fault():
        if original_pixels is None:
            return decode_srgb(file)
        return decode_needed_part(file, original_pixels.mask_pixels, delivery.placement)


def _restore_in_png(
    file: EncodedImage, result: Image, delivery: ImageDelivery, original: DecodedOriginal
) -> ResultFile | None:
    """Return a PNG with the lines that were prepared during the call, or None when it cannot be made of them."""
    prepared = original.wait_for_preparation() if may_restore_in_png(delivery) else None
    if prepared is None:
        return None
    size, preserved_pixels = prepared.size, prepared.preserved_pixels
    if _output_format(file.format, size, delivery) != "png":
        return None
    mapped = map_result(result, file.size, size, delivery.placement)
    data = write_restored_png(prepared, mapped.part, mapped.source_box)
    return ResultFile(data, "png", size, preserved_pixels, mapped.notes) if data else None


def _restore(
    file: EncodedImage, result: Image, delivery: ImageDelivery, original: Image | None
) -> tuple[Image, int | None, tuple[str, ...]]:
    """Return the result without padding, and with the original pixels outside the mask. `original` is changed."""
    placement, original_pixels = delivery.placement, delivery.original_pixels
    if original_pixels is None or original is None:
        return undo_placement(placement, result) if placement else result, None, ()
    mask = original_pixels.mask_pixels
    return restore_unmarked_pixels(original, result, mask, placement, file.size)


def _encode(
    result_format: str,
    pixels: Image,
    preserved_pixels: int | None,
    notes: tuple[str, ...],
    delivery: ImageDelivery,
) -> ResultFile:
    """Return the pixels as a file of the format, size and background that the plan requires."""
    if delivery.flatten:
        preserved_pixels, pixels = (
            None if has_transparency(pixels) else preserved_pixels,
            flatten(pixels),
        )
    if delivery.scale_to and pixels.size != delivery.scale_to:
        pixels = resize(pixels, delivery.scale_to)
    format = _output_format(result_format, pixels.size, delivery)
    encode_image = encode_preserved if delivery.original_pixels else encode
    data = encode_image(pixels, format, compression=delivery.compression)
    return ResultFile(data, format, pixels.size, preserved_pixels, notes)


def _output_format(result_format: str, size: Size, delivery: ImageDelivery) -> str:
    """Return the required format, else the provider's if it stores original pixels without loss, else PNG."""
    has_original = delivery.original_pixels is not None
    if delivery.convert_to:
        return delivery.convert_to
    if result_format not in (_LOSSLESS_FORMATS if has_original else OUTPUT_FORMATS):
        return "png"
    is_too_large = exceeds_lossless_webp_limit if has_original else exceeds_webp_limits
    return "png" if result_format == "webp" and is_too_large(size) else result_format
