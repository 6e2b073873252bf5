"""Delivery of finished images: as base64, or stored in the bucket and delivered as links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import NotStored
from retouch.gateway.postprocess import ProcessedEdit, inspect_result
from retouch.gateway.signed_links import LinkBuilder
from retouch.planning.output_rules import Delivery


class ResultStore(Protocol):
    """The store of results that are delivered as links."""

    def put(self, data: bytes, format: str) -> str:
        """Store an encoded image ("png", "jpeg", "webp") and return its key. Raises NotStored."""

    def sign(self, key: str, seconds: int) -> str:
        """Return the store's own link to a key. It works for `seconds`."""


@dataclass(frozen=True, slots=True)
class DeliveredImage:
    """One image as the caller receives it. Either `b64_json` or `url` is set."""

    b64_json: str | None = field(default=None, repr=False)
    url: str | None = None
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveredData:
    """The images of an edit as the caller receives them."""

    images: tuple[DeliveredImage, ...]
    is_linked: bool = False
    notes: tuple[str, ...] = ()


def deliver(
    result: ProcessedEdit,
    delivery: Delivery,
    store: ResultStore,
    build_link: LinkBuilder,
    max_bytes: int | None,
) -> DeliveredData:
    """Return the images as links or as base64: as planned, or else whichever is possible. Paid images are not lost.

    `max_bytes` is the limit of the response; None: no limit. Raises NotStored when neither is possible.
    """
    size = sum(len(image.b64) or len(image.data) * 4 // 3 for image in result.images)
    fits = max_bytes is None or size <= max_bytes
    wants_links = delivery.response_format == "url"
    if fits and not wants_links:
        return DeliveredData(_base64_images(result))
    try:
        images = tuple(_linked_image(image, store, build_link) for image in result.images)
    except NotStored as error:
        if not fits:
            raise NotStored(
                f"The result has {size} bytes of base64, more than the {max_bytes} that this response "
                f"can contain. {error}"
            ) from error
        note = "response_format: the bucket did not take the result, so base64"
        return DeliveredData(_base64_images(result), notes=(note,))
    note = f"response_format: {size} bytes are too many for this response, so links"
    return DeliveredData(images, is_linked=True, notes=() if wants_links else (note,))


def _base64_images(result: ProcessedEdit) -> tuple[DeliveredImage, ...]:
    return tuple(
        DeliveredImage(b64_json=image.to_base64(), revised_prompt=image.revised_prompt)
        for image in result.images
    )


def _linked_image(
    generated_image: GeneratedImage, store: ResultStore, build_link: LinkBuilder
) -> DeliveredImage:
    image = inspect_result(generated_image)
    url = build_link(store.put(image.data, image.format))
    return DeliveredImage(url=url, revised_prompt=generated_image.revised_prompt)
