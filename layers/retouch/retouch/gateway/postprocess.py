"""Postprocessing of generated images: geometry, format and preserved pixels, as the plan requires."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pybase64

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.core.image_formats import detect_format
from retouch.core.sizes import aspect_difference
from retouch.core.usage import sum_usage, token_counts
from retouch.imaging.codec import (
    decode,
    encode,
    encode_preserved,
    flatten,
    has_transparency,
    resize,
)
from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original, default_feather
from retouch.imaging.inspect import inspect_image
from retouch.imaging.placement import undo_placement
from retouch.planning.output_rules import Delivery

if TYPE_CHECKING:
    from PIL.Image import Image


_MAX_ASPECT_DIFFERENCE = 0.015  # if the aspect ratio differs by less, the result is only scaled
_SIGNATURE_BYTES = 12  # the first bytes, which identify the format
_LOSSLESS_FORMATS = ("png", "webp")  # these formats can store every pixel unchanged
_NOT_PRESERVED_NOTE = (
    "preserve: the result and the input image differ in shape, so no pixels were restored; "
    "preserve=true maps it back"
)


@dataclass(frozen=True, slots=True)
class ProcessedEdit:
    """The finished images of an edit, and the facts about all of them."""

    images: tuple[GeneratedImage, ...]
    # background, output_format, size, usage and others, as OpenAI names them
    metadata: Mapping[str, Any] = field(default_factory=dict)
    # the number of preserved pixels of each image; None: not requested
    preserved_pixels: int | None = None
    notes: tuple[str, ...] = ()
    images_billed: int = 0  # images that the provider made, readable or not


@dataclass(frozen=True, slots=True)
class ProcessedImage:
    """A finished image, and the number of its preserved pixels."""

    image: GeneratedImage
    preserved_pixels: int | None = None
    notes: tuple[str, ...] = ()


def postprocess(image: GeneratedImage, delivery: Delivery) -> ProcessedImage:
    """Return the image in the geometry and format that the plan requires. An image that needs no change is not decoded.

    Raises UpstreamError when the result is not an image. The edit may have been billed.
    """
    if not delivery.has_image_changes:
        return ProcessedImage(_check_signature(image))
    with _blame_provider():
        encoded_image = inspect_image(image.to_bytes(), param="result")
        pixels, preserved_pixels, notes = _restore_original(encoded_image, delivery)
    if delivery.flatten:
        preserved_pixels, pixels = (
            None if has_transparency(pixels) else preserved_pixels,
            flatten(pixels),
        )
    if delivery.scale_to and pixels.size != delivery.scale_to:
        pixels = resize(pixels, delivery.scale_to)
    output_format = delivery.convert_to or (
        _lossless_format(encoded_image.format) if preserved_pixels else encoded_image.format
    )
    encode_image = encode_preserved if preserved_pixels else encode
    data = encode_image(pixels, output_format, compression=delivery.compression)
    size_fields = {"size": f"{pixels.width}x{pixels.height}", "output_format": output_format}
    metadata = {
        **image.metadata,
        **size_fields,
        **({"background": "opaque"} if delivery.flatten else {}),
    }
    processed_image = replace(image, b64="", data=data, metadata=metadata)
    # Pixels count as preserved only when the file stores them without loss.
    is_lossless = output_format == "png" or (
        output_format == "webp" and delivery.compression in (None, 100)
    )
    return ProcessedImage(
        processed_image, preserved_pixels if is_lossless or not preserved_pixels else None, notes
    )


def _restore_original(
    image: EncodedImage, delivery: Delivery
) -> tuple[Image, int | None, tuple[str, ...]]:
    """Return the result without padding, and with the original pixels outside the mask."""
    original_pixels = delivery.original_pixels
    # The original is decoded first: its rotation takes twice its memory, which would not fit beside the result.
    original = decode_srgb(original_pixels.image) if original_pixels else None
    pixels = decode(image)
    if delivery.placement:
        pixels = undo_placement(delivery.placement, pixels)
    if original_pixels is None or original is None:
        return pixels, None, ()
    if (
        not original_pixels.is_requested
        and aspect_difference(pixels.size, original.size) > _MAX_ASPECT_DIFFERENCE
    ):
        return pixels, 0, (_NOT_PRESERVED_NOTE,)
    return *composite_original(
        original, pixels, original_pixels.mask_pixels, feather=default_feather(original.size)
    ), ()


def _lossless_format(format: str) -> str:
    """Return the format if it stores pixels without loss, else PNG."""
    return format if format in _LOSSLESS_FORMATS else "png"


def _check_signature(image: GeneratedImage) -> GeneratedImage:
    """Return the image if its first bytes are those of an image. The rest is not read. Raises UpstreamError."""
    with _blame_provider():
        head = image.data[:_SIGNATURE_BYTES] or pybase64.b64decode(
            image.b64[: _SIGNATURE_BYTES * 4 // 3]
        )
        if not detect_format(head):
            raise ValueError("no signature of an image")
    return image


def inspect_result(image: GeneratedImage) -> EncodedImage:
    """Return the provider's result as an image. Raises UpstreamError when it is not an image."""
    with _blame_provider():
        return inspect_image(image.to_bytes(), param="result")


@contextmanager
def _blame_provider() -> Iterator[None]:
    """Convert an error to an UpstreamError: the provider made the unreadable image and may have billed it."""
    try:
        yield
    except (InvalidRequest, ValueError, TypeError) as error:
        raise UpstreamError(
            "The provider's result is not a readable image.", code="no_image_returned"
        ) from error


def postprocess_all(images: Sequence[GeneratedImage], delivery: Delivery) -> ProcessedEdit:
    """Return all images as one result. Readable images are delivered, and a note names those that cannot be read.

    Raises UpstreamError when no image can be read. The result has the total
    usage of all calls, if every call reports its usage.
    """
    processed_images, errors = _postprocess_each(images, delivery)
    finished_images = tuple(processed.image for processed in processed_images)
    metadata = {
        name: value for name, value in finished_images[0].metadata.items() if name != "usage"
    }
    usages = [
        token_counts(raw_usage)
        for raw_usage in {
            id(generated.metadata): generated.metadata.get("usage") for generated in images
        }.values()
    ]
    known_usages = [usage for usage in usages if usage]
    if len(known_usages) == len(usages):
        metadata["usage"] = sum_usage(known_usages)
    notes = [note for processed in processed_images for note in processed.notes]
    if errors:
        notes.append(f"n: {len(errors)} of {len(images)} images cannot be read: {errors[0]}")
    preserved_pixels = min(
        (
            processed.preserved_pixels
            for processed in processed_images
            if processed.preserved_pixels is not None
        ),
        default=delivery.untouched_pixels,
    )
    return ProcessedEdit(
        finished_images, metadata, preserved_pixels, tuple(dict.fromkeys(notes)), len(images)
    )


def _postprocess_each(
    images: Iterable[GeneratedImage], delivery: Delivery
) -> tuple[list[ProcessedImage], list[UpstreamError]]:
    processed_images, errors = [], []
    for image in images:
        try:
            processed_images.append(postprocess(image, delivery))
        except UpstreamError as error:
            errors.append(error)
    if not processed_images:
        raise errors[0]
    return processed_images, errors
