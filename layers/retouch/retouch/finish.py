"""Artifacts -> the answer's items: converted, scaled and stored as the plan says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from retouch.errors import BadUpstream, InvalidRequest
from retouch.messages import Artifact
from retouch.pixels.convert import decode, encode, resize
from retouch.pixels.inspect import inspect
from retouch.plan import Plan
from retouch.plan.delivery import Delivery
from retouch.settings import Settings


class Store(Protocol):
    """Where results live so that a link can be handed out."""

    def put(self, data: bytes, format: str) -> str:
        """Keep an encoded picture ("png", "jpeg", "webp"); a link that works for the configured time."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the caller gets, not yet as JSON."""

    created: int
    data: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any] = field(
        default_factory=dict
    )  # background, output_format, size, usage ...


def polish(artifact: Artifact, delivery: Delivery) -> Artifact:
    """The picture in the size and format that the caller asked for; untouched where the provider's will do."""
    if delivery.convert_to is None and delivery.scale_to is None:
        return artifact
    picture = inspect_result(artifact)
    image = decode(picture)
    if delivery.scale_to:
        image = resize(image, delivery.scale_to)
    output_format = delivery.convert_to or picture.format
    changed: dict[str, Any] = {"size": f"{image.width}x{image.height}"}
    if delivery.convert_to:
        changed["output_format"] = output_format
    return replace(
        artifact,
        b64="",
        data=encode(image, output_format, compression=delivery.compression),
        facts={**artifact.facts, **changed},
    )


def inspect_result(artifact: Artifact) -> Any:
    """What the provider sent as a picture; BadUpstream when it is none, and the money may be gone."""
    try:
        return inspect(artifact.bytes(), param="result")
    except (InvalidRequest, ValueError) as wrong:
        raise BadUpstream(
            "The provider's result is not a readable picture.", code="no_image_returned"
        ) from wrong


def item(artifact: Artifact, delivery: Delivery, store: Store) -> dict[str, Any]:
    """One entry of `data`."""
    if delivery.response_format == "url":
        picture = inspect_result(artifact)
        entry: dict[str, Any] = {"url": store.put(picture.data, picture.format)}
    else:
        entry = {"b64_json": artifact.base64()}
    if artifact.revised_prompt:
        entry["revised_prompt"] = artifact.revised_prompt
    return entry


def collect(
    artifacts: Iterable[Artifact], delivery: Delivery, store: Store, created: int
) -> Result:
    """All pictures as one result; usage of several calls is added up."""
    done = [polish(artifact, delivery) for artifact in artifacts]
    facts: dict[str, Any] = {**done[0].facts}
    usages = {id(a.facts): a.facts["usage"] for a in done if "usage" in a.facts}
    if usages:
        facts["usage"] = total(list(usages.values()))
    return Result(created, tuple(item(a, delivery, store) for a in done), facts)


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
