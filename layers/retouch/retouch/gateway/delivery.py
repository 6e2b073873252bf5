"""Artifacts -> the answer's items: converted, scaled and stored as the plan says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from retouch.core.errors import NotStored
from retouch.core.models import GeneratedImage
from retouch.gateway.postprocess import Result, inspect_result
from retouch.gateway.signed_links import LinkBuilder
from retouch.planning.output import Delivery

if TYPE_CHECKING:
    pass


class ResultStore(Protocol):
    """Where results live so that a link can be handed out."""

    def put(self, data: bytes, format: str) -> str:
        """Keep an encoded picture ("png", "jpeg", "webp"); its key. Raises NotStored."""

    def sign(self, key: str, seconds: int) -> str:
        """The store's own link to a key, for so long."""


@dataclass(frozen=True, slots=True)
class DeliveredData:
    """What the caller gets: an entry of `data` for each picture."""

    data: tuple[Mapping[str, Any], ...]
    is_linked: bool = False
    notes: tuple[str, ...] = ()


def deliver_images(
    result: Result,
    delivery: Delivery,
    store: ResultStore,
    build_link: LinkBuilder,
    max_bytes: int | None,
) -> DeliveredData:
    """The pictures as links or base64, whichever was planned and is possible; what was bought must not be lost.

    `most_bytes` is what the way back holds, None where it holds everything. NotStored where nothing is possible.
    """
    size = sum(len(image.b64) or len(image.data) * 4 // 3 for image in result.images)
    fits = max_bytes is None or size <= max_bytes
    wants_links = delivery.response_format == "url"
    if fits and not wants_links:
        return DeliveredData(_base64_entries(result))
    try:
        data = tuple(
            _data_entry(image, url=build_link(_store_image(image, store)))
            for image in result.images
        )
    except NotStored as error:
        if not fits:
            raise NotStored(
                f"The result has {size} bytes of base64, more than the {max_bytes} that can be answered here. {error}"
            ) from error
        note = "response_format: the bucket did not take the result, so base64"
        return DeliveredData(_base64_entries(result), notes=(note,))
    note = f"response_format: {size} bytes are too many for this answer, so links"
    return DeliveredData(data, is_linked=True, notes=() if wants_links else (note,))


def _base64_entries(result: Result) -> tuple[Mapping[str, Any], ...]:
    return tuple(_data_entry(image, b64_json=image.to_base64()) for image in result.images)


def _store_image(generated_image: GeneratedImage, store: ResultStore) -> str:
    image = inspect_result(generated_image)
    return store.put(image.data, image.format)


def _data_entry(image: GeneratedImage, **content: str) -> dict[str, Any]:
    """One entry of `data`."""
    return {
        **content,
        **({"revised_prompt": image.revised_prompt} if image.revised_prompt else {}),
    }
