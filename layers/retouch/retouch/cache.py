"""Answers that were bought before: under what name they are kept, and as what bytes.

The name is made of what decides the picture: the pixels that were sent, the mask, the words, the parameters, the model
and what is done with its answer. How a file was encoded is not part of it, nor whether a link or base64 is wanted.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from retouch.errors import BadUpstream, InvalidRequest
from retouch.finish import inspect_result
from retouch.messages import Artifact, Job, Picture
from retouch.pixels.colour import decode_srgb
from retouch.plan import Plan
from retouch.plan.delivery import Delivery

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

Status = Literal["HIT", "MISS", "REFRESH", "DISABLED"]
USUAL_AGE = 7 * 86_400  # seconds; Portkey's default where a config gives no max_age
LONGEST_AGE = 90 * 86_400  # seconds; Portkey's longest
_VERSION = 1  # raised whenever an older answer must not be given any more
_MAGIC = b"RTC1"
_FRONT = struct.Struct(">4sII")  # magic, CRC-32 of all that follows, length of the JSON header
_APART = ("response_format", "keep")  # parts of a delivery that the name leaves out, or digests


class Store(Protocol):
    """Where entries lie. Neither method raises: an edit never fails for its cache."""

    def get(self, key: str, max_age: int) -> bytes | None:
        """The bytes under a key that are at most `max_age` seconds old; None where there are none."""

    def put(self, key: str, data: bytes, max_age: int) -> None:
        """Keep bytes under a key, to be read for at most `max_age` seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Finished pictures as they left, and how many pixels of each are the caller's own (as in Result)."""

    artifacts: tuple[Artifact, ...]
    kept: int | None = None


# ---- the name


def key(plan: Plan, jobs: Sequence[Job], tenant: str, namespace: str) -> str:
    """The name of an order's answer: "<tenant>/<namespace>/<digest>", hexadecimal, whatever the two contain.

    `jobs` are the plan's own or the prepared ones, but the same kind each time. The plan's own are cheaper, for a hit
    then needs no files, and what recipes do follows from the model and the delivery's frame. Costs the decoding of each
    picture; one that cannot be decoded counts by its bytes.
    """
    first = jobs[0]  # all jobs of a plan have the same pictures, mask and words
    images = [_file(picture) for picture in first.images]
    facts = {
        "version": _VERSION,
        "tenant": tenant,
        "namespace": namespace,
        "model": [plan.target.model_id, first.model],
        "options": dict(first.options),  # the address too: names of deployments are not unique
        "prompt": first.prompt,
        "images": images,
        "mask": _pixels(first.mask.edit) if first.mask else None,
        "jobs": [[job.n, dict(job.params)] for job in jobs],
        "delivery": _delivered(plan.delivery, first.images[0], images[0]),
    }
    named = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
    return f"{_short(tenant)}/{_short(namespace)}/{sha256(named).hexdigest()}"


def _delivered(delivery: Delivery, first: Picture, digest: str) -> Mapping[str, Any]:
    """What is done to the answer; a new field of Delivery counts by itself."""
    found = {f.name: getattr(delivery, f.name) for f in fields(delivery) if f.name not in _APART}
    if (keep := delivery.keep) is None:
        return found
    original = digest if keep.original.data is first.data else _file(keep.original)
    return {**found, "keep": [original, _pixels(keep.edit), keep.always]}


def _file(picture: Picture) -> str:
    """The digest of what a picture shows."""
    try:
        return _pixels(_alike(decode_srgb(picture)))
    except InvalidRequest:  # the provider may read it all the same
        return f"file {sha256(picture.data).hexdigest()}"


def _alike(image: Pixels) -> Pixels:
    """The pixels as every format can hold them: colour without transparency, unless something is transparent."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        return image
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: Pixels) -> str:
    width, height = image.size
    digest = sha256(image.tobytes()).hexdigest()
    return f"{image.mode} {width}x{height} {digest}"


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:24]


# ---- the bytes


def pack(entry: Entry) -> bytes:
    """An entry as one piece: front, JSON header, encoded pictures. Usage is left out: a hit uses nothing.

    BadUpstream where a picture is none, which is never worth keeping.
    """
    pictures = [inspect_result(artifact).data for artifact in entry.artifacts]
    said = [
        {
            "bytes": len(data),
            "revised_prompt": artifact.revised_prompt,
            "facts": {name: fact for name, fact in artifact.facts.items() if name != "usage"},
        }
        for data, artifact in zip(pictures, entry.artifacts, strict=True)
    ]
    header = orjson.dumps({"kept": entry.kept, "pictures": said})
    body = b"".join([header, *pictures])
    return _FRONT.pack(_MAGIC, crc32(body), len(header)) + body


def unpack(data: bytes) -> Entry | None:
    """The entry; None where the bytes are damaged, cut off or somebody else's."""
    if len(data) < _FRONT.size:
        return None
    magic, checksum, length = _FRONT.unpack_from(data)
    body = memoryview(data)[_FRONT.size :]
    if magic != _MAGIC or crc32(body) != checksum:
        return None
    try:
        return _opened(body, length)
    except (ValueError, KeyError, TypeError):  # whole, but not written by this code
        return None


def _opened(body: memoryview, length: int) -> Entry:
    header = orjson.loads(body[:length])
    pictures = header["pictures"]
    ends = accumulate((one["bytes"] for one in pictures), initial=length)
    artifacts = tuple(
        Artifact(
            data=bytes(body[start:end]), revised_prompt=one["revised_prompt"], facts=one["facts"]
        )
        for (start, end), one in zip(pairwise(ends), pictures, strict=True)
    )
    return Entry(artifacts, header["kept"])


# ---- both together


def lifetime(max_age: int | None) -> int:
    """A config's max_age in seconds, within what is kept at all."""
    return USUAL_AGE if max_age is None else min(max_age, LONGEST_AGE)


def look(
    store: Store, name: str, max_age: int | None, *, refresh: bool
) -> tuple[Status, Entry | None]:
    """What is kept under a name, and Portkey's word for how that went; with `refresh` it is to be bought anew."""
    if refresh:
        return "REFRESH", None
    data = store.get(name, lifetime(max_age))
    entry = unpack(data) if data is not None else None
    return ("HIT" if entry else "MISS"), entry


def remember(store: Store, name: str, entry: Entry, max_age: int | None) -> None:
    """Keep what was bought, if it is worth it: whole pictures only."""
    try:
        data = pack(entry)
    except BadUpstream:
        return
    store.put(name, data, lifetime(max_age))
