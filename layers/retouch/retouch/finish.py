"""Artifacts -> the answer's items: converted, scaled and stored as the plan says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from retouch.errors import BadUpstream, InvalidRequest
from retouch.links import Link
from retouch.messages import Artifact
from retouch.pixels.convert import decode, encode, encode_exactly, flatten, resize
from retouch.pixels.frame import undo
from retouch.pixels.inspect import inspect
from retouch.pixels.keep import feather_for, keep_outside
from retouch.plan import Plan
from retouch.plan.delivery import Delivery
from retouch.settings import Settings
from retouch.sizes import apart

if TYPE_CHECKING:
    from PIL.Image import Image

_SAME_SHAPE = 0.015  # an answer this much off the picture's shape is only scaled back


class Store(Protocol):
    """Where results live so that a link can be handed out."""

    def put(self, data: bytes, format: str) -> str:
        """Keep an encoded picture ("png", "jpeg", "webp"); its key."""

    def sign(self, key: str, seconds: int) -> str:
        """The store's own link to a key, for so long."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the caller gets, not yet as JSON."""

    created: int
    data: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any] = field(
        default_factory=dict
    )  # background, output_format, size, usage ...
    kept: int | None = None  # pixels of each picture that are the caller's own; None: nobody asked
    pictures: tuple[Artifact, ...] = ()  # the same as `data`, before they became links or text


@dataclass(frozen=True, slots=True)
class Polished:
    """A finished picture as it leaves, and how many of its pixels are the caller's own."""

    artifact: Artifact
    kept: int | None = None


def polish(artifact: Artifact, delivery: Delivery) -> Polished:
    """The picture in the geometry and format that the plan promises; untouched where the provider's will do."""
    if not delivery.touches:
        return Polished(artifact)
    picture = inspect_result(artifact)
    image, kept = _restored(decode(picture), delivery)
    if delivery.flatten:
        image = flatten(image)
    if delivery.scale_to and image.size != delivery.scale_to:
        image = resize(image, delivery.scale_to)
    output_format = delivery.convert_to or picture.format
    facts = {"size": f"{image.width}x{image.height}", "output_format": output_format}
    if kept is not None and delivery.compression in (None, 100):
        data = encode_exactly(image, output_format)
    else:
        data = encode(image, output_format, compression=delivery.compression)
    return Polished(replace(artifact, b64="", data=data, facts={**artifact.facts, **facts}), kept)


def _restored(image: Image, delivery: Delivery) -> tuple[Image, int | None]:
    """Padding cut off, and the caller's own pixels put back outside the mask."""
    if delivery.frame:
        image = undo(delivery.frame, image)
    keep = delivery.keep
    if keep is None:
        return image, None
    size = keep.original.size
    if image.size != size:
        if not keep.always and apart(image.size, size) > _SAME_SHAPE:
            return image, 0
        image = resize(image, size)
    return keep_outside(keep.original, image, keep.edit, feather=feather_for(size))


def inspect_result(artifact: Artifact) -> Any:
    """What the provider sent as a picture; BadUpstream when it is none, and the money may be gone."""
    try:
        return inspect(artifact.bytes(), param="result")
    except (InvalidRequest, ValueError) as wrong:
        raise BadUpstream(
            "The provider's result is not a readable picture.", code="no_image_returned"
        ) from wrong


def item(artifact: Artifact, delivery: Delivery, store: Store, link: Link) -> dict[str, Any]:
    """One entry of `data`."""
    if delivery.response_format == "url":
        picture = inspect_result(artifact)
        entry: dict[str, Any] = {"url": link(store.put(picture.data, picture.format))}
    else:
        entry = {"b64_json": artifact.base64()}
    if artifact.revised_prompt:
        entry["revised_prompt"] = artifact.revised_prompt
    return entry


def collect(
    artifacts: Iterable[Artifact], delivery: Delivery, store: Store, link: Link, created: int
) -> Result:
    """All pictures as one result; usage of several calls is added up."""
    polished = [polish(artifact, delivery) for artifact in artifacts]
    done = [one.artifact for one in polished]
    kept = min((one.kept for one in polished if one.kept is not None), default=delivery.untouched)
    facts: dict[str, Any] = {**done[0].facts}
    usages = {id(a.facts): a.facts["usage"] for a in done if "usage" in a.facts}
    if usages:
        facts["usage"] = total(list(usages.values()))
    return Result(
        created, tuple(item(a, delivery, store, link) for a in done), facts, kept, tuple(done)
    )


def fit_reply(
    plan: Plan, artifacts: list[Artifact], most_bytes: int | None, settings: Settings
) -> dict[str, Any]:
    """What changes in the plan where the answer is too long for its way back: links instead of base64."""
    size = sum(len(a.b64) or len(a.data) * 4 // 3 for a in artifacts)
    if most_bytes is None or size <= most_bytes or plan.delivery.response_format == "url":
        return {}
    if not settings.bucket:
        raise BadUpstream(
            f"The result has {size} bytes of base64, more than the {most_bytes} that can be answered here, "
            "and no bucket is configured to hand out a link.",
            code="result_too_large",
            billed="yes" if plan.target.provider.paid else "no",
        )
    note = f"response_format: {size} bytes are too many for this answer, so links"
    return {
        "delivery": replace(plan.delivery, response_format="url"),
        "notes": (*plan.notes, note),
    }


def total(usages: list[Any]) -> Any:
    """Token counts of several calls, summed field by field."""
    first = usages[0]
    if len(usages) == 1:
        return first
    if isinstance(first, Mapping):
        return {
            k: total([u[k] for u in usages if u.get(k) is not None])
            for k in first
            if first[k] is not None
        }
    return sum(usages)
