"""Postprocessing of generated images: geometry, format and preserved pixels, as the plan requires."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from retouch.core.edit_types import GeneratedImage
from retouch.core.frozen_dataclass import frozen_dataclass, replace
from retouch.core.image_formats import OUTPUT_FORMATS
from retouch.core.usage import sum_usage, token_counts
from retouch.gateway.results.decoded_original import DecodedOriginal
from retouch.gateway.results.result_file import make_file
from retouch.gateway.results.result_images import (
    UNKNOWN_FORMAT,
    DamagedResult,
    UnreadableResult,
    UnsupportedResult,
    damage_note,
    open_result,
    require_whole,
    result_format,
    unreadable_notes,
)
from retouch.gateway.results.unprocessed_notes import unprocessed_notes
from retouch.gateway.time_budget import TimeBudget, processing_seconds
from retouch.imaging.formats.density import write_density
from retouch.planning.output_rules import ImageDelivery

_log = logging.getLogger("retouch")
_LOSSLESS_FORMATS = ("png", "webp")  # these formats can store every pixel unchanged


@frozen_dataclass
class ProcessedEdit:
    """The finished images of an edit, and the facts about all of them."""

    images: tuple[GeneratedImage, ...]
    # background, output_format, size, usage and others, as OpenAI names them
    metadata: Mapping[str, Any] = field(default_factory=dict)
    # the number of preserved pixels of each image; None: not requested
    preserved_pixels: int | None = None
    notes: tuple[str, ...] = ()
    # the provider's own image of each image, for one that cannot be delivered as it is
    sources: tuple[GeneratedImage, ...] = field(default=(), repr=False)
    # every image is there, in memory and in the form that the plan requires
    is_complete: bool = True


@frozen_dataclass
class ProcessedImage:
    """A finished image, and the number of its preserved pixels."""

    image: GeneratedImage
    preserved_pixels: int | None = None
    notes: tuple[str, ...] = ()
    unprocessed_reason: str = ""  # why the image is still the provider's own; empty: it is not
    is_reduced: bool = False  # it was made smaller than the plan requires
    source: GeneratedImage | None = field(default=None, repr=False)  # the provider's own image


# Gets each finished image before the next one is processed. Returns it, perhaps with a link in place of its bytes.
ReleaseImage = Callable[[ProcessedImage], ProcessedImage]


def postprocess(
    image: GeneratedImage,
    delivery: ImageDelivery,
    time: TimeBudget,
    min_seconds: float,
    original: DecodedOriginal | None = None,
) -> ProcessedImage:
    """Return the image in the geometry and format that the plan requires. An image that needs no change is not decoded.

    A format that results cannot have, such as AVIF, becomes a PNG. A result in another format than the provider was
    asked for is converted. The processing starts only when more than `min_seconds` remain, and is cut off at the
    deadline. An image that cannot be processed is returned as the provider made it, because it is paid for. `original`
    is the caller's image if it is still decoded in memory; it is not changed. Raises UnreadableResult when the result
    is not an image or is damaged. The edit may have been billed.
    """
    delivery, format_notes = _add_conversion(image, delivery)
    if not delivery.has_image_changes and result_format(image) in OUTPUT_FORMATS:
        require_whole(image)
        return _keep_density(_pass_through(image), delivery)
    try:
        time.require(min_seconds)
        processed = time.run(lambda: _process(image, delivery, time, original))
        processed = _keep_density(processed, delivery)
        return replace(processed, notes=(*format_notes, *processed.notes))
    except TimeoutError:
        reason = "no time was left"
    except UnsupportedResult:
        reason = "the gateway cannot open it"
    except UnreadableResult:
        raise
    except Exception as error:  # a fault of the gateway, after the purchase
        _log.error("a result was not processed", exc_info=error)
        reason = "the gateway failed to process it"
    preserved_pixels = 0 if delivery.original_pixels else None
    return replace(
        _pass_through(image), preserved_pixels=preserved_pixels, unprocessed_reason=reason
    )


def _add_conversion(
    image: GeneratedImage, delivery: ImageDelivery
) -> tuple[ImageDelivery, tuple[str, ...]]:
    """Return the delivery, with a conversion and a note when the provider made another format than it was asked for."""
    asked, made = delivery.asked_format, result_format(image)
    if asked in (None, made):
        return delivery, ()
    note = f"output_format: the provider returned a {made}, which was converted to {asked}"
    return replace(delivery, convert_to=asked, compression=delivery.asked_compression), (note,)


def _keep_density(processed: ProcessedImage, delivery: ImageDelivery) -> ProcessedImage:
    """Return the image with the pixel density of the caller's image if it has the size of that image."""
    original, image = delivery.density, processed.image
    if original is None or image.metadata.get("size") != f"{original.size[0]}x{original.size[1]}":
        return processed
    data = write_density(image.to_bytes(), result_format(image), original.density)
    return replace(processed, image=replace(image, b64="", data=data))


def _process(
    image: GeneratedImage,
    delivery: ImageDelivery,
    time: TimeBudget,
    original: DecodedOriginal | None,
) -> ProcessedImage:
    """Return the processed image. Raises UnreadableResult, UnsupportedResult, and TimeoutError between two steps."""
    opened = open_result(image)
    file = make_file(opened.file, delivery, time, original)
    metadata = {
        **image.metadata,
        "size": f"{file.size[0]}x{file.size[1]}",
        "output_format": file.format,
        **({"background": "opaque"} if delivery.flatten else {}),
    }
    # Pixels count as preserved only when the file stores them without loss.
    is_lossless = file.format == "png" or (
        file.format == "webp" and delivery.compression in (None, 100)
    )
    return ProcessedImage(
        replace(image, b64="", data=file.data, metadata=metadata),
        file.preserved_pixels if is_lossless or not file.preserved_pixels else None,
        (*opened.notes, *file.notes),
    )


def _pass_through(image: GeneratedImage) -> ProcessedImage:
    """Return the image as it is, with a note on a format that the gateway does not make. Raises UnreadableResult."""
    format = result_format(image)
    if format in OUTPUT_FORMATS:
        return ProcessedImage(image)
    metadata = {**image.metadata, "output_format": format}
    name = f"{format.upper()} file" if format != UNKNOWN_FORMAT else "file of an unknown format"
    note = f"output_format: the provider returned a {name}, which is delivered unchanged"
    return ProcessedImage(replace(image, metadata=metadata), notes=(note,))


def postprocess_all(
    images: Sequence[GeneratedImage],
    delivery: ImageDelivery,
    time: TimeBudget,
    *,
    original: DecodedOriginal | None = None,
    billed_images: Sequence[GeneratedImage] = (),
    release: ReleaseImage = lambda processed: processed,
) -> ProcessedEdit:
    """Return all images as one result. Readable images are delivered, and notes name what is missing or unprocessed.

    `original` is as for `postprocess`. `release` gets each finished image before the next one is processed, and may
    replace its bytes by a link. `billed_images` are all images that the provider made, when `images` are only some of
    them. Raises UnreadableResult when no image can be read. The result has the total usage of all calls, if every call
    reports its usage.
    """
    billed_images = billed_images or images
    processed_images, errors = _postprocess_each(images, delivery, time, release, original)
    finished_images = tuple(processed.image for processed in processed_images)
    unprocessed = [one.unprocessed_reason for one in processed_images if one.unprocessed_reason]
    notes = (
        *(note for processed in processed_images for note in processed.notes),
        *unprocessed_notes(unprocessed, len(processed_images), delivery),
        *unreadable_notes(errors, len(images)),
    )
    preserved_counts = [one.preserved_pixels for one in processed_images]
    return ProcessedEdit(
        finished_images,
        _edit_metadata(finished_images[0], billed_images),
        min(
            (count for count in preserved_counts if count is not None),
            default=delivery.untouched_pixels,
        ),
        tuple(dict.fromkeys(notes)),
        tuple(processed.source or processed.image for processed in processed_images),
        is_complete=not (errors or unprocessed or any(map(_is_released, processed_images))),
    )


def _edit_metadata(
    image: GeneratedImage, billed_images: Sequence[GeneratedImage]
) -> dict[str, Any]:
    """Return the metadata of an image, with the total usage in place of its own."""
    metadata = {name: value for name, value in image.metadata.items() if name != "usage"}
    usage = total_usage(billed_images)
    return metadata if usage is None else {**metadata, "usage": usage}


def _is_released(processed: ProcessedImage) -> bool:
    return bool(processed.image.stored_url) or processed.is_reduced


def total_usage(images: Sequence[GeneratedImage]) -> Mapping[str, Any] | None:
    """Return the usage of all calls, or None when a call reports none. The images of one call share their metadata."""
    usages = [
        token_counts(raw_usage)
        for raw_usage in {
            id(generated.metadata): generated.metadata.get("usage") for generated in images
        }.values()
    ]
    known_usages = [usage for usage in usages if usage]
    return sum_usage(known_usages) if len(known_usages) == len(usages) else None


def _postprocess_each(
    images: Sequence[GeneratedImage],
    delivery: ImageDelivery,
    time: TimeBudget,
    release: ReleaseImage,
    original: DecodedOriginal | None,
) -> tuple[list[ProcessedImage], list[UnreadableResult]]:
    """Process one image after the other. An image that took longer than estimated raises the estimate for the next.

    When no image is readable, the damaged ones are returned as they are.
    """
    processed_images: list[ProcessedImage] = []
    errors: list[UnreadableResult] = []
    seconds = processing_seconds(delivery)
    for image in images:
        started_at = time.remaining()
        try:
            processed = release(postprocess(image, delivery, time, seconds, original))
            processed_images.append(replace(processed, source=image))
        except UnreadableResult as error:
            errors.append(error)
        seconds = max(seconds, started_at - time.remaining())
    if processed_images:
        return processed_images, errors
    damaged_images = [
        unprocessed_damaged_image(image, delivery)
        for image, error in zip(images, errors, strict=True)
        if isinstance(error, DamagedResult)
    ]
    if not damaged_images:
        raise errors[0]
    return damaged_images, [error for error in errors if not isinstance(error, DamagedResult)]


def unprocessed_damaged_image(image: GeneratedImage, delivery: ImageDelivery) -> ProcessedImage:
    """Return a damaged image as the provider made it, with a note. Even a part of a paid image may be of use."""
    return ProcessedImage(
        image,
        0 if delivery.original_pixels else None,
        (damage_note(image),),
        unprocessed_reason="it is damaged",
    )
