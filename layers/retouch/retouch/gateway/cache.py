"""The cache of edits: the key of an edit, and the stored format of its images.

The key consists of everything that affects the result: the pixels of the images, the mask, the prompt, the parameters,
the model and the processing of its result. Neither the encoding of a file nor `response_format` is part of the key.
"""

from __future__ import annotations

import logging
import struct
from binascii import crc32
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.results.response_size import base64_size
from retouch.gateway.results.result_images import (
    UnreadableResult,
    convert_to_provider_fault,
    open_result,
)
from retouch.gateway.time_budget import TimeBudget
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.plan import Plan

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

_log = logging.getLogger("retouch")
CacheStatus = Literal["HIT", "MISS", "REFRESH", "DISABLED"]
DEFAULT_AGE_SECONDS = 7 * 86_400  # Portkey's default when a config has no max_age
MAX_AGE_SECONDS = 90 * 86_400  # Portkey's maximum
_KEY_VERSION = 1  # increase it when older entries must no longer be used
_MAGIC = b"RTC1"
_PREAMBLE = struct.Struct(">4sII")  # magic number, CRC-32 of the rest, length of the JSON header
# The cache must not delay an edit, so the gateway does not wait longer for its store. A lookup also takes at most this
# share of the time that remains for the edit.
_MAX_LOOKUP_SECONDS, _MAX_LOOKUP_SHARE = 5.0, 0.2
_MAX_SAVE_SECONDS = 5.0
_SAVED_BYTES_PER_SECOND = 2_000_000  # added for large entries
# The fields of a delivery that are not part of the key, or that are part of it as digests.
_EXCLUDED_FIELDS = ("response_format", "original_pixels")
# The key names some fields differently. Another name would make every stored entry useless.
_FIELD_NAMES = {"placement": "frame", "untouched_pixels": "untouched"}


class CacheStore(Protocol):
    """The store of entries. Neither method raises: an edit never fails because of the cache."""

    def get(self, key: str, max_age: int) -> bytes | None:
        """Return the entry if it is at most `max_age` seconds old, else None."""

    def put(self, key: str, data: bytes, max_age: int) -> None:
        """Store an entry. It can be read for `max_age` seconds."""


@frozen_dataclass
class CacheEntry:
    """The finished images of an edit, and the number of preserved pixels of each."""

    images: tuple[GeneratedImage, ...]
    preserved_pixels: int | None = None


# ---- the key


def cache_key(plan: Plan, jobs: Sequence[ProviderJob], tenant: str, namespace: str) -> str:
    """Return the key of an edit: "<tenant>/<namespace>/<digest>". All three parts are hexadecimal digests.

    `jobs` are the jobs of the plan, or the prepared jobs; a caller always uses the same kind. The jobs of the plan are
    cheaper, because a hit then needs no files. The function decodes each image. If
    an image cannot be decoded, it uses the bytes.
    """
    first_job = jobs[0]  # all jobs of a plan have the same images, mask and prompt
    image_digests = [_image_digest(image) for image in first_job.images]
    key_fields = {
        "version": _KEY_VERSION,
        "tenant": tenant,
        "namespace": namespace,
        "model": [plan.resolved.model_id, first_job.model],
        # with the address, because names of deployments are not unique
        "options": dict(first_job.options),
        "prompt": first_job.prompt,
        "images": image_digests,
        "mask": _pixel_digest(first_job.mask.pixels) if first_job.mask else None,
        "jobs": [[job.n, dict(job.params)] for job in jobs],
        "delivery": _delivery_fields(plan.delivery, first_job.images[0], image_digests[0]),
    }
    encoded = orjson.dumps(key_fields, option=orjson.OPT_SORT_KEYS)
    return f"{_short_digest(tenant)}/{_short_digest(namespace)}/{sha256(encoded).hexdigest()}"


def _delivery_fields(
    delivery: ImageDelivery, first_image: EncodedImage, digest: str
) -> Mapping[str, Any]:
    """Return the processing of the result. A new field of ImageDelivery is part of the key without further code."""
    values = {
        _FIELD_NAMES.get(f.name, f.name): getattr(delivery, f.name)
        for f in fields(delivery)
        if f.name not in _EXCLUDED_FIELDS
    }
    if (original_pixels := delivery.original_pixels) is None:
        return values
    original_digest = (
        digest
        if original_pixels.image.data is first_image.data
        else _image_digest(original_pixels.image)
    )
    return {
        **values,
        "keep": [original_digest, _pixel_digest(original_pixels.mask_pixels)],
    }


def _image_digest(image: EncodedImage) -> str:
    """Return the digest of the pixels of an image."""
    try:
        return _pixel_digest(_drop_opaque_alpha(decode_srgb(image)))
    except InvalidRequest:  # the provider may be able to decode it
        return f"file {sha256(image.data).hexdigest()}"


def _drop_opaque_alpha(image: Pixels) -> Pixels:
    """Return the pixels as RGB, or as RGBA when a pixel is transparent. Every file format can store RGB."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        return image
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixel_digest(image: Pixels) -> str:
    width, height = image.size
    digest = sha256(image.tobytes()).hexdigest()
    return f"{image.mode} {width}x{height} {digest}"


def _short_digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:24]


# ---- the stored format


def pack_entry(entry: CacheEntry) -> bytes:
    """Return an entry as bytes: preamble, JSON header, encoded images. Usage is not stored, because a hit uses nothing.

    Every image is decoded, because some were passed through without being opened, and a damaged one must not be stored.
    Raises UnreadableResult when an image is damaged or is not a still image.
    """
    encoded_images = [_readable_bytes(image) for image in entry.images]
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


def _readable_bytes(image: GeneratedImage) -> bytes:
    opened = open_result(image)
    if opened.image is not image:
        raise UnreadableResult("The provider's result is an animation.")
    with convert_to_provider_fault():
        decode(opened.file)
    return opened.file.data


def unpack_entry(data: bytes) -> CacheEntry | None:
    """Return the entry, or None when the bytes are damaged, truncated or in another format."""
    if len(data) < _PREAMBLE.size:
        return None
    magic, checksum, length = _PREAMBLE.unpack_from(data)
    body = memoryview(data)[_PREAMBLE.size :]
    if magic != _MAGIC or crc32(body) != checksum:
        return None
    try:
        return _parse_entry(body, length)
    except (ValueError, KeyError, TypeError):  # undamaged, but not written by this code
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


# ---- lookup and save


def effective_max_age(max_age: int | None) -> int:
    """Return the max_age of a config in seconds, limited to the maximum lifetime of an entry."""
    return DEFAULT_AGE_SECONDS if max_age is None else min(max_age, MAX_AGE_SECONDS)


def lookup_entry(
    store: CacheStore, key: str, max_age: int | None, time: TimeBudget, *, refresh: bool
) -> tuple[CacheStatus, CacheEntry | None]:
    """Return Portkey's cache status and the entry. With `refresh` the function does not read the cache.

    A store that takes too long counts as one without the entry.
    """
    if refresh:
        return "REFRESH", None
    lookup_time = time.limit_to(min(_MAX_LOOKUP_SECONDS, time.remaining() * _MAX_LOOKUP_SHARE))
    try:
        data = lookup_time.run(lambda: store.get(key, effective_max_age(max_age)))
    except TimeoutError:
        _log.warning("the cache did not respond in time")
        return "MISS", None
    entry = unpack_entry(data) if data is not None else None
    return ("HIT" if entry else "MISS"), entry


def save_entry(
    store: CacheStore, key: str, entry: CacheEntry, max_age: int | None, time: TimeBudget
) -> None:
    """Store an entry, unless one of its images cannot be read or the store takes too long."""

    def save() -> None:
        store.put(key, pack_entry(entry), effective_max_age(max_age))

    size = sum(map(base64_size, entry.images))
    try:
        time.limit_to(_MAX_SAVE_SECONDS + size / _SAVED_BYTES_PER_SECOND).run(save)
    except UnreadableResult:
        return
    except TimeoutError:
        _log.warning("the cache did not take an entry in time")
