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

from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.core.models import EncodedImage, GeneratedImage
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.postprocess import inspect_result
from retouch.imaging.colour import decode_srgb
from retouch.planning.output import Delivery
from retouch.planning.plan import Plan

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

CacheStatus = Literal["HIT", "MISS", "REFRESH", "DISABLED"]
DEFAULT_AGE_SECONDS = 7 * 86_400  # seconds; Portkey's default where a config gives no max_age
MAX_AGE_SECONDS = 90 * 86_400  # seconds; Portkey's longest
_KEY_VERSION = 1  # raised whenever an older answer must not be given any more
_MAGIC = b"RTC1"
_PREAMBLE = struct.Struct(">4sII")  # magic, CRC-32 of all that follows, length of the JSON header
_EXCLUDED_FIELDS = (
    "response_format",
    "keep",
)  # parts of a delivery that the name leaves out, or digests


class CacheStore(Protocol):
    """Where entries lie. Neither method raises: an edit never fails for its cache."""

    def get(self, key: str, max_age: int) -> bytes | None:
        """The bytes under a key that are at most `max_age` seconds old; None where there are none."""

    def put(self, key: str, data: bytes, max_age: int) -> None:
        """Keep bytes under a key, to be read for at most `max_age` seconds."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Finished pictures as they left, and how many pixels of each are the caller's own (as in Result)."""

    images: tuple[GeneratedImage, ...]
    preserved_pixels: int | None = None


# ---- the name


def cache_key(plan: Plan, jobs: Sequence[ProviderJob], tenant: str, namespace: str) -> str:
    """The name of an order's answer: "<tenant>/<namespace>/<digest>", hexadecimal, whatever the two contain.

    `jobs` are the plan's own or the prepared ones, but the same kind each time. The plan's own are cheaper, for a hit
    then needs no files, and what recipes do follows from the model and the delivery's frame. Costs the decoding of each
    picture; one that cannot be decoded counts by its bytes.
    """
    first_job = jobs[0]  # all jobs of a plan have the same pictures, mask and words
    image_digests = [_image_digest(image) for image in first_job.images]
    key_fields = {
        "version": _KEY_VERSION,
        "tenant": tenant,
        "namespace": namespace,
        "model": [plan.resolved.model_id, first_job.model],
        "options": dict(first_job.options),  # the address too: names of deployments are not unique
        "prompt": first_job.prompt,
        "images": image_digests,
        "mask": _pixel_digest(first_job.mask.pixels) if first_job.mask else None,
        "jobs": [[job.n, dict(job.params)] for job in jobs],
        "delivery": _delivery_fields(plan.delivery, first_job.images[0], image_digests[0]),
    }
    encoded = orjson.dumps(key_fields, option=orjson.OPT_SORT_KEYS)
    return f"{_short_digest(tenant)}/{_short_digest(namespace)}/{sha256(encoded).hexdigest()}"


def _delivery_fields(
    delivery: Delivery, first_image: EncodedImage, digest: str
) -> Mapping[str, Any]:
    """What is done to the answer; a new field of Delivery counts by itself."""
    values = {
        f.name: getattr(delivery, f.name)
        for f in fields(delivery)
        if f.name not in _EXCLUDED_FIELDS
    }
    if (original_pixels := delivery.keep) is None:
        return values
    original_digest = (
        digest
        if original_pixels.image.data is first_image.data
        else _image_digest(original_pixels.image)
    )
    return {
        **values,
        "keep": [
            original_digest,
            _pixel_digest(original_pixels.mask_pixels),
            original_pixels.is_requested,
        ],
    }


def _image_digest(image: EncodedImage) -> str:
    """The digest of what a picture shows."""
    try:
        return _pixel_digest(_drop_opaque_alpha(decode_srgb(image)))
    except InvalidRequest:  # the provider may read it all the same
        return f"file {sha256(image.data).hexdigest()}"


def _drop_opaque_alpha(image: Pixels) -> Pixels:
    """The pixels as every format can hold them: colour without transparency, unless something is transparent."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        return image
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixel_digest(image: Pixels) -> str:
    width, height = image.size
    digest = sha256(image.tobytes()).hexdigest()
    return f"{image.mode} {width}x{height} {digest}"


def _short_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:24]


# ---- the bytes


def pack_entry(entry: CacheEntry) -> bytes:
    """An entry as one piece: front, JSON header, encoded pictures. Usage is left out: a hit uses nothing.

    BadUpstream where a picture is none, which is never worth keeping.
    """
    encoded_images = [inspect_result(image).data for image in entry.images]
    image_headers = [
        {
            "bytes": len(data),
            "revised_prompt": image.revised_prompt,
            "facts": {name: value for name, value in image.metadata.items() if name != "usage"},
        }
        for data, image in zip(encoded_images, entry.images, strict=True)
    ]
    header = orjson.dumps({"kept": entry.preserved_pixels, "pictures": image_headers})
    body = b"".join([header, *encoded_images])
    return _PREAMBLE.pack(_MAGIC, crc32(body), len(header)) + body


def unpack_entry(data: bytes) -> CacheEntry | None:
    """The entry; None where the bytes are damaged, cut off or somebody else's."""
    if len(data) < _PREAMBLE.size:
        return None
    magic, checksum, length = _PREAMBLE.unpack_from(data)
    body = memoryview(data)[_PREAMBLE.size :]
    if magic != _MAGIC or crc32(body) != checksum:
        return None
    try:
        return _parse_entry(body, length)
    except (ValueError, KeyError, TypeError):  # whole, but not written by this code
        return None


def _parse_entry(body: memoryview, length: int) -> CacheEntry:
    header = orjson.loads(body[:length])
    image_headers = header["pictures"]
    ends = accumulate((image_header["bytes"] for image_header in image_headers), initial=length)
    images = tuple(
        GeneratedImage(
            data=bytes(body[start:end]),
            revised_prompt=image_header["revised_prompt"],
            metadata=image_header["facts"],
        )
        for (start, end), image_header in zip(pairwise(ends), image_headers, strict=True)
    )
    return CacheEntry(images, header["kept"])


# ---- both together


def effective_max_age(max_age: int | None) -> int:
    """A config's max_age in seconds, within what is kept at all."""
    return DEFAULT_AGE_SECONDS if max_age is None else min(max_age, MAX_AGE_SECONDS)


def lookup_entry(
    store: CacheStore, key: str, max_age: int | None, *, refresh: bool
) -> tuple[CacheStatus, CacheEntry | None]:
    """What is kept under a name, and Portkey's word for how that went; with `refresh` it is to be bought anew."""
    if refresh:
        return "REFRESH", None
    data = store.get(key, effective_max_age(max_age))
    entry = unpack_entry(data) if data is not None else None
    return ("HIT" if entry else "MISS"), entry


def save_entry(store: CacheStore, key: str, entry: CacheEntry, max_age: int | None) -> None:
    """Keep what was bought, if it is worth it: whole pictures only."""
    try:
        data = pack_entry(entry)
    except UpstreamError:
        return
    store.put(key, data, effective_max_age(max_age))
