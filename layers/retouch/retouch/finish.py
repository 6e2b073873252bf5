"""Artifacts -> the answer's items: converted, scaled and stored as the plan says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import pybase64

from retouch.errors import BadUpstream, InvalidRequest, NotStored
from retouch.links import Link
from retouch.messages import Artifact, Picture
from retouch.pixels.colour import decode_srgb
from retouch.pixels.convert import decode, encode, encode_kept, flatten, resize, see_through
from retouch.pixels.frame import undo
from retouch.pixels.inspect import inspect
from retouch.pixels.keep import feather_for, put_back
from retouch.pixels.sniff import sniff
from retouch.plan.delivery import Delivery
from retouch.sizes import apart
from retouch.usage import told, total

if TYPE_CHECKING:
    from PIL.Image import Image

_SAME_SHAPE = 0.015  # an answer this much off the picture's shape is only scaled back
_HEAD = 12  # bytes that decide about a picture's format
_EXACT = ("png", "webp")  # formats that can hold every pixel as it is
_UNKEPT = (
    "preserve: the answer has another shape than the picture, so no pixels were put back; "
    "preserve=true maps it back"
)


class Store(Protocol):
    """Where results live so that a link can be handed out."""

    def put(self, data: bytes, format: str) -> str:
        """Keep an encoded picture ("png", "jpeg", "webp"); its key. Raises NotStored."""

    def sign(self, key: str, seconds: int) -> str:
        """The store's own link to a key, for so long."""


@dataclass(frozen=True, slots=True)
class Result:
    """The finished pictures as they leave, and what is known of them all."""

    pictures: tuple[Artifact, ...]
    facts: Mapping[str, Any] = field(
        default_factory=dict
    )  # background, output_format, size, usage ...
    kept: int | None = None  # pixels of each picture that are the caller's own; None: nobody asked
    notes: tuple[str, ...] = ()
    bought: int = 0  # pictures that the provider made, readable or not


@dataclass(frozen=True, slots=True)
class Handed:
    """What the caller gets: an entry of `data` for each picture."""

    data: tuple[Mapping[str, Any], ...]
    linked: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Polished:
    """A finished picture as it leaves, and how many of its pixels are the caller's own."""

    artifact: Artifact
    kept: int | None = None
    notes: tuple[str, ...] = ()


def polish(artifact: Artifact, delivery: Delivery) -> Polished:
    """The picture in the geometry and format that the plan promises; untouched where the provider's will do.

    BadUpstream for what is no picture, whatever it says it is: the money may be gone.
    """
    if not delivery.touches:
        return Polished(_looked_at(artifact))
    with _the_providers_fault():
        picture = inspect(artifact.bytes(), param="result")
        image, kept, notes = _restored(picture, delivery)
    if delivery.flatten:
        kept, image = None if see_through(image) else kept, flatten(image)
    if delivery.scale_to and image.size != delivery.scale_to:
        image = resize(image, delivery.scale_to)
    made = delivery.convert_to or (_exact(picture.format) if kept else picture.format)
    write = encode_kept if kept else encode
    data = write(image, made, compression=delivery.compression)
    said = {"size": f"{image.width}x{image.height}", "output_format": made}
    facts = {**artifact.facts, **said, **({"background": "opaque"} if delivery.flatten else {})}
    done = replace(artifact, b64="", data=data, facts=facts)
    # Counted as kept is only what the file can hold.
    exact = made == "png" or (made == "webp" and delivery.compression in (None, 100))
    return Polished(done, kept if exact or not kept else None, notes)


def _restored(picture: Picture, delivery: Delivery) -> tuple[Image, int | None, tuple[str, ...]]:
    """Padding cut off, and the caller's own pixels put back outside the mask."""
    keep = delivery.keep
    # The original first: to turn it upright takes twice its memory, which would not fit beside the answer.
    before = decode_srgb(keep.original) if keep else None
    image = decode(picture)
    if delivery.frame:
        image = undo(delivery.frame, image)
    if keep is None or before is None:
        return image, None, ()
    if not keep.always and apart(image.size, before.size) > _SAME_SHAPE:
        return image, 0, (_UNKEPT,)
    return *put_back(before, image, keep.edit, feather=feather_for(before.size)), ()


def _exact(format: str) -> str:
    """The format in which put-back pixels stay what they are."""
    return format if format in _EXACT else "png"


def _looked_at(artifact: Artifact) -> Artifact:
    """The artifact, if its first bytes are those of a picture; the rest stays unopened."""
    with _the_providers_fault():
        head = artifact.data[:_HEAD] or pybase64.b64decode(artifact.b64[: _HEAD * 4 // 3])
        if not sniff(head):
            raise ValueError("no picture's signature")
    return artifact


def inspect_result(artifact: Artifact) -> Picture:
    """What the provider sent as a picture; BadUpstream when it is none, and the money may be gone."""
    with _the_providers_fault():
        return inspect(artifact.bytes(), param="result")


@contextmanager
def _the_providers_fault() -> Iterator[None]:
    """A picture that cannot be read was made by the provider, not by the caller, and may have been billed."""
    try:
        yield
    except (InvalidRequest, ValueError, TypeError) as wrong:
        raise BadUpstream(
            "The provider's result is not a readable picture.", code="no_image_returned"
        ) from wrong


def collect(artifacts: Sequence[Artifact], delivery: Delivery) -> Result:
    """All pictures as one result: what was bought is delivered, what cannot be read is said.

    BadUpstream where none can be read. Usage of several calls is added up, and left out unless all tell theirs.
    """
    polished, lost = _sorted_out(artifacts, delivery)
    pictures = tuple(one.artifact for one in polished)
    facts = {name: fact for name, fact in pictures[0].facts.items() if name != "usage"}
    usages = [
        told(used) for used in {id(a.facts): a.facts.get("usage") for a in artifacts}.values()
    ]
    counted = [usage for usage in usages if usage]
    if len(counted) == len(usages):
        facts["usage"] = total(counted)
    notes = [note for one in polished for note in one.notes]
    if lost:
        notes.append(f"n: {len(lost)} of {len(artifacts)} pictures cannot be read: {lost[0]}")
    kept = min((one.kept for one in polished if one.kept is not None), default=delivery.untouched)
    return Result(pictures, facts, kept, tuple(dict.fromkeys(notes)), len(artifacts))


def _sorted_out(
    artifacts: Iterable[Artifact], delivery: Delivery
) -> tuple[list[Polished], list[BadUpstream]]:
    polished, lost = [], []
    for artifact in artifacts:
        try:
            polished.append(polish(artifact, delivery))
        except BadUpstream as unreadable:
            lost.append(unreadable)
    if not polished:
        raise lost[0]
    return polished, lost


def hand_out(
    result: Result, delivery: Delivery, store: Store, link: Link, most_bytes: int | None
) -> Handed:
    """The pictures as links or base64, whichever was planned and is possible; what was bought must not be lost.

    `most_bytes` is what the way back holds, None where it holds everything. NotStored where nothing is possible.
    """
    size = sum(len(a.b64) or len(a.data) * 4 // 3 for a in result.pictures)
    fits = most_bytes is None or size <= most_bytes
    linked = delivery.response_format == "url"
    if fits and not linked:
        return Handed(_as_text(result))
    try:
        data = tuple(_entry(a, url=link(_stored(a, store))) for a in result.pictures)
    except NotStored as lost:
        if not fits:
            raise NotStored(
                f"The result has {size} bytes of base64, more than the {most_bytes} that can be answered here. {lost}"
            ) from lost
        note = "response_format: the bucket did not take the result, so base64"
        return Handed(_as_text(result), notes=(note,))
    note = f"response_format: {size} bytes are too many for this answer, so links"
    return Handed(data, linked=True, notes=() if linked else (note,))


def _as_text(result: Result) -> tuple[Mapping[str, Any], ...]:
    return tuple(_entry(artifact, b64_json=artifact.base64()) for artifact in result.pictures)


def _stored(artifact: Artifact, store: Store) -> str:
    picture = inspect_result(artifact)
    return store.put(picture.data, picture.format)


def _entry(artifact: Artifact, **where: str) -> dict[str, Any]:
    """One entry of `data`."""
    return {
        **where,
        **({"revised_prompt": artifact.revised_prompt} if artifact.revised_prompt else {}),
    }
