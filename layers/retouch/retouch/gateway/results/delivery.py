"""The delivery of finished images: as base64, or stored in the bucket and delivered as links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import NotStored
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.results.postprocess import ProcessedEdit
from retouch.gateway.results.response_size import base64_size, reduce_images
from retouch.gateway.results.result_images import (
    OpenedResults,
    UnreadableResult,
    open_damaged,
    open_results,
    open_to_store,
)
from retouch.gateway.results.result_links import ResultLinks
from retouch.gateway.time_budget import TimeBudget
from retouch.planning.output_rules import ImageDelivery

# Taken from the margin for the response when no other time is left: without it the result would be lost.
_MIN_REDUCE_SECONDS = 1.0


@frozen_dataclass
class DeliveredImage:
    """One image as the caller receives it. Either `b64_json` or `url` is set."""

    b64_json: str | None = field(default=None, repr=False)
    url: str | None = None
    revised_prompt: str | None = None


@frozen_dataclass
class DeliveredData:
    """The images of an edit as the caller receives them."""

    images: tuple[DeliveredImage, ...]
    is_linked: bool = False
    notes: tuple[str, ...] = ()
    is_lossless: bool = True  # no pixel differs from the finished image
    metadata: Mapping[str, Any] = field(default_factory=dict)  # the facts that delivery changed

    def preserved_pixels(self, result: ProcessedEdit) -> int | None:
        """Return the number of preserved pixels: none of them when an image was encoded with loss."""
        if self.is_lossless or result.preserved_pixels is None:
            return result.preserved_pixels
        return 0


def deliver(
    result: ProcessedEdit,
    delivery: ImageDelivery,
    links: ResultLinks,
    max_bytes: int | None,
    time: TimeBudget,
) -> DeliveredData:
    """Return the images as links or as base64: as planned, or else whichever is possible. Paid images are not lost.

    When some images are stored already, the others become links too.
    `max_bytes` is the limit of the response; None: no limit. Images that are too large for it and cannot be stored are
    encoded with fewer bytes, or the provider's own images take their places. Raises UnreadableResult when no result is
    an image, and NotStored when none can be encoded so.
    """
    size = sum(map(base64_size, result.images))
    fits = max_bytes is None or size <= max_bytes
    wants_links = delivery.response_format == "url"
    has_links = any(image.stored_url for image in result.images)
    if fits and not (wants_links or has_links):
        return DeliveredData(_base64_images(result.images))
    opened = _open_all(result.images)
    try:
        linked_images = _link_images(opened, links, time)
    except NotStored as error:
        images = [one.image for one in opened.images]
        if max_bytes is not None and not fits:
            sources = result.sources if len(images) == len(result.images) else ()
            return _reduced_data(images, sources, opened.notes, max_bytes, time, error)
        part = "all of the results" if has_links else "the result"
        note = f"response_format: the bucket did not take {part}, so base64"
        return DeliveredData(
            _base64_images(images), is_linked=has_links, notes=(*opened.notes, note)
        )
    amount = f"{len(result.images)} images of this size" if has_links else f"{size} bytes"
    note = f"response_format: {amount} are too many for this response, so links"
    notes = opened.notes if wants_links else (*opened.notes, note)
    return DeliveredData(linked_images, is_linked=True, notes=notes)


def _reduced_data(
    images: Sequence[GeneratedImage],
    sources: Sequence[GeneratedImage],
    notes: tuple[str, ...],
    max_bytes: int,
    time: TimeBudget,
    reason: NotStored,
) -> DeliveredData:
    """Return the images with at most `max_bytes` bytes. Raises NotStored with the `reason` why there are no links."""
    reduced = reduce_images(images, max_bytes, time.extend_to(_MIN_REDUCE_SECONDS), sources)
    if not reduced.images:
        size = sum(map(base64_size, images))
        raise NotStored(
            f"The result has {size} bytes of base64, more than the {max_bytes} that this response can contain, and "
            f"cannot be encoded with fewer. {reason}"
        ) from reason
    small_images = [one.image for one in reduced.images]
    return DeliveredData(
        _base64_images(small_images),
        notes=(*notes, *reduced.notes),
        is_linked=any(image.stored_url for image in small_images),
        is_lossless=reduced.is_lossless,
        metadata=_file_facts(small_images[0]),
    )


def _file_facts(image: GeneratedImage) -> Mapping[str, Any]:
    names = ("size", "output_format")
    return {name: image.metadata[name] for name in names if name in image.metadata}


def _base64_images(images: Sequence[GeneratedImage]) -> tuple[DeliveredImage, ...]:
    """Return the images as base64, but those that are stored already as their links."""
    return tuple(
        DeliveredImage(
            b64_json=None if image.stored_url else image.to_base64(),
            url=image.stored_url or None,
            revised_prompt=image.revised_prompt,
        )
        for image in images
    )


def _open_all(images: Sequence[GeneratedImage]) -> OpenedResults:
    """Return the readable images, or the damaged ones when none is readable. Raises UnreadableResult."""
    try:
        return open_results(images, open_to_store)
    except UnreadableResult:
        return open_results(images, open_damaged)


def _link_images(
    opened: OpenedResults, links: ResultLinks, time: TimeBudget
) -> tuple[DeliveredImage, ...]:
    """Return a link for every image. Raises NotStored, also when the bucket takes too long."""
    files = [one.file for one in opened.images if not one.image.stored_url]
    new_urls = iter(links.link_all(files, time))
    return tuple(
        DeliveredImage(
            url=one.image.stored_url or next(new_urls), revised_prompt=one.image.revised_prompt
        )
        for one in opened.images
    )
