"""Artifacts -> the answer's items: converted, scaled and stored as the plan says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pybase64

from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.core.image_formats import detect_format
from retouch.core.models import EncodedImage, GeneratedImage
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
from retouch.planning.output import Delivery

if TYPE_CHECKING:
    from PIL.Image import Image


_MAX_ASPECT_DIFFERENCE = 0.015  # an answer this much off the picture's shape is only scaled back
_SIGNATURE_BYTES = 12  # bytes that decide about a picture's format
_LOSSLESS_FORMATS = ("png", "webp")  # formats that can hold every pixel as it is
_NOT_PRESERVED_NOTE = (
    "preserve: the answer has another shape than the picture, so no pixels were put back; "
    "preserve=true maps it back"
)


@dataclass(frozen=True, slots=True)
class ProcessedEdit:
    """The finished pictures as they leave, and what is known of them all."""

    images: tuple[GeneratedImage, ...]
    metadata: Mapping[str, Any] = field(
        default_factory=dict
    )  # background, output_format, size, usage ...
    preserved_pixels: int | None = (
        None  # pixels of each picture that are the caller's own; None: nobody asked
    )
    notes: tuple[str, ...] = ()
    images_billed: int = 0  # pictures that the provider made, readable or not


@dataclass(frozen=True, slots=True)
class ProcessedImage:
    """A finished picture as it leaves, and how many of its pixels are the caller's own."""

    image: GeneratedImage
    preserved_pixels: int | None = None
    notes: tuple[str, ...] = ()


def postprocess(image: GeneratedImage, delivery: Delivery) -> ProcessedImage:
    """The picture in the geometry and format that the plan promises; untouched where the provider's will do.

    BadUpstream for what is no picture, whatever it says it is: the money may be gone.
    """
    if not delivery.changes_image:
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
    # Counted as kept is only what the file can hold.
    is_lossless = output_format == "png" or (
        output_format == "webp" and delivery.compression in (None, 100)
    )
    return ProcessedImage(
        processed_image, preserved_pixels if is_lossless or not preserved_pixels else None, notes
    )


def _restore_original(
    image: EncodedImage, delivery: Delivery
) -> tuple[Image, int | None, tuple[str, ...]]:
    """Padding cut off, and the caller's own pixels put back outside the mask."""
    original_pixels = delivery.keep
    # The original first: to turn it upright takes twice its memory, which would not fit beside the answer.
    original = decode_srgb(original_pixels.image) if original_pixels else None
    pixels = decode(image)
    if delivery.frame:
        pixels = undo_placement(delivery.frame, pixels)
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
    """The format in which put-back pixels stay what they are."""
    return format if format in _LOSSLESS_FORMATS else "png"


def _check_signature(image: GeneratedImage) -> GeneratedImage:
    """The artifact, if its first bytes are those of a picture; the rest stays unopened."""
    with _blame_provider():
        head = image.data[:_SIGNATURE_BYTES] or pybase64.b64decode(
            image.b64[: _SIGNATURE_BYTES * 4 // 3]
        )
        if not detect_format(head):
            raise ValueError("no picture's signature")
    return image


def inspect_result(image: GeneratedImage) -> EncodedImage:
    """What the provider sent as a picture; BadUpstream when it is none, and the money may be gone."""
    with _blame_provider():
        return inspect_image(image.to_bytes(), param="result")


@contextmanager
def _blame_provider() -> Iterator[None]:
    """A picture that cannot be read was made by the provider, not by the caller, and may have been billed."""
    try:
        yield
    except (InvalidRequest, ValueError, TypeError) as error:
        raise UpstreamError(
            "The provider's result is not a readable picture.", code="no_image_returned"
        ) from error


def postprocess_all(images: Sequence[GeneratedImage], delivery: Delivery) -> ProcessedEdit:
    """All pictures as one result: what was bought is delivered, what cannot be read is said.

    BadUpstream where none can be read. Usage of several calls is added up, and left out unless all tell theirs.
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
        notes.append(f"n: {len(errors)} of {len(images)} pictures cannot be read: {errors[0]}")
    preserved_pixels = min(
        (
            processed.preserved_pixels
            for processed in processed_images
            if processed.preserved_pixels is not None
        ),
        default=delivery.untouched,
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
