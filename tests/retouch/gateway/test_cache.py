"""Tests of the cache. An equal request finds its result again in any file format, and a different one never does."""

import base64
import re
import struct
import threading
from binascii import crc32
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import UpstreamError
from retouch.gateway.cache import (
    DEFAULT_AGE_SECONDS,
    MAX_AGE_SECONDS,
    CacheEntry,
    cache_key,
    effective_max_age,
    lookup_entry,
    pack_entry,
    save_entry,
    unpack_entry,
)
from retouch.gateway.prepare import prepare_job
from tests.support.images import box_mask, cutout, encode_image, photo
from tests.support.plans import PHOTO, SCENE, build_plan
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import (
    JPEG_XL,
    animation,
    png_with_missing_lines,
    png_with_wrong_checksum,
)

BEFORE, AFTER = "before", "after"


def key_for(images=(PHOTO,), when=BEFORE, tenant="acme", namespace="", **options):
    plan = build_plan(images, **options)
    jobs = plan.jobs
    if when == AFTER:
        jobs = [prepare_job(job, plan.resolved.serving) for job in jobs]
    return cache_key(plan, jobs, tenant, namespace)


def photo_with_comment():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "taken on holiday")
    return encode_image(SCENE, pnginfo=info)


def rotated_photo():
    exif = Image.Exif()
    exif[0x0112] = 6  # displayed with a rotation of 90 degrees clockwise
    return encode_image(SCENE.transpose(Image.Transpose.ROTATE_90), exif=exif)


def photo_with_changed_pixel():
    image = SCENE.copy()
    image.putpixel((95, 63), (1, 2, 3))
    return encode_image(image)


EQUAL_FILES = {
    "another level": encode_image(SCENE, compress_level=9),
    "uncompressed": encode_image(SCENE, compress_level=0),
    "a comment": photo_with_comment(),
    "EXIF orientation": rotated_photo(),
    "WebP without loss": encode_image(SCENE, "WEBP", lossless=True),
    "an opaque alpha channel": encode_image(SCENE.convert("RGBA")),
    "bytes after its end": PHOTO + b"trailing",
}


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("upload", EQUAL_FILES.values(), ids=EQUAL_FILES)
def test_same_image_in_another_file_has_same_cache_key(upload, when):
    assert upload != PHOTO
    assert key_for([upload], when) == key_for(when=when)


def test_grey_and_rgb_file_of_same_pixels_have_same_cache_key():
    grey = SCENE.convert("L")
    assert key_for([encode_image(grey)]) == key_for([encode_image(grey.convert("RGB"))])


DIFFERENT_FILES = {
    "one pixel": photo_with_changed_pixel(),
    "a JPEG": encode_image(SCENE, "JPEG", quality=90),
    "turned": encode_image(SCENE.transpose(Image.Transpose.ROTATE_90)),
    "a hole": cutout(96, 64),
    "as many bytes in another shape": encode_image(
        Image.frombytes("RGB", (64, 96), SCENE.tobytes()).convert("RGB")
    ),
}


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("upload", DIFFERENT_FILES.values(), ids=DIFFERENT_FILES)
def test_different_image_has_different_cache_key(upload, when):
    assert key_for([upload], when) != key_for(when=when)


MASK, WIDER = box_mask(96, 64), box_mask(96, 64, (10, 10, 90, 60))
BOX = {"shapes": [{"type": "box", "x": 10, "y": 10, "width": 80, "height": 50}]}
REQUEST_VARIANTS: dict[str, dict[str, Any]] = {
    "the first": {},
    "the prompt": {"prompt": "an empty beach."},
    "two images": {"images": (PHOTO, photo(96, 64, "JPEG"))},
    "two images in another order": {"images": (photo(96, 64, "JPEG"), PHOTO)},
    "the image twice": {"images": (PHOTO, PHOTO)},
    "a mask": {"mask": MASK},
    "another mask": {"mask": WIDER},
    "a grown mask": {"mask": MASK, "mask_grow": 3},
    "a feathered mask": {"mask": MASK, "mask_feather": 6},
    "a mask that is read in another mode": {"mask": WIDER, "mask_mode": "opaque"},
    "a mask without keeping": {"mask": MASK, "preserve": False},
    "n": {"n": 2},
    "the model": {"model": "gpt-image-1-mini"},
    "quality": {"quality": "low"},
    "size": {"size": "1024x1024"},
    "a size that is scaled to": {"size": "256x256", "fit": "scale"},
    "format": {"output_format": "jpeg"},
    "compression": {"output_format": "jpeg", "output_compression": 40},
    "padding": {"images": (photo(90, 31),), "fit": "pad"},
    "the end user": {"user": "u-1"},
    "the tenant": {"tenant": "other"},
    "no tenant": {"tenant": ""},
    "the namespace": {"namespace": "acme"},
    "tenant and namespace exchanged": {"tenant": "", "namespace": "acme"},
    "the provider's address": {"env": {"OPENAI_BASE_URL": "https://other.example/v1"}},
}


def test_every_field_that_affects_result_changes_cache_key():
    names = {label: key_for(**options) for label, options in REQUEST_VARIANTS.items()}
    assert len(set(names.values())) == len(REQUEST_VARIANTS), names
    assert names == {label: key_for(**options) for label, options in REQUEST_VARIANTS.items()}


def test_delivery_fields_do_not_change_cache_key():
    assert key_for(response_format="b64_json") == key_for(response_format="url")
    assert key_for(stream=True) == key_for()


def test_explicit_defaults_do_not_change_cache_key():
    assert key_for(model="openai/gpt-image-2", n=1) == key_for()
    assert key_for(mask=MASK, preserve=True, fit="auto") == key_for(mask=MASK)


def test_masks_with_same_marked_area_have_same_cache_key():
    mask_image = Image.new("RGBA", (96, 64), (9, 9, 9, 255))
    mask_image.paste((200, 0, 0, 0), (10, 10, 90, 60))
    assert key_for(mask=encode_image(mask_image)) == key_for(mask=WIDER)


@pytest.mark.parametrize("tenant", ["acme", "../../results", "a/b?c#d", "Zoë\n", "x" * 5000])
def test_cache_key_is_a_safe_path_for_any_tenant(tenant):
    assert re.fullmatch(
        r"[0-9a-f]{24}/[0-9a-f]{24}/[0-9a-f]{64}", key_for(tenant=tenant, namespace=tenant)
    )


def test_tenant_and_namespace_have_their_own_key_parts():
    keys = [key_for(tenant=t, namespace=n).split("/") for t in "ab" for n in "xy"]
    tenants, namespaces, requests = (len(set(parts)) for parts in zip(*keys, strict=True))
    assert (tenants, namespaces, requests) == (2, 2, 4)


def test_undecodable_image_is_hashed_by_its_bytes():
    chunk = b"IDAT" + b"\x00" * 40
    at = PHOTO.index(b"IDAT") - 4
    end = at + 12 + struct.unpack(">I", PHOTO[at : at + 4])[0]
    broken = PHOTO[:at] + struct.pack(">I", 40) + chunk + struct.pack(">I", crc32(chunk))
    broken += PHOTO[end:]
    plan = build_plan()
    image = replace(plan.jobs[0].images[0], data=broken)
    jobs = [replace(plan.jobs[0], images=(image,))]
    result_key = cache_key(plan, jobs, "acme", "")
    assert result_key != key_for()
    assert result_key == cache_key(plan, jobs, "acme", "")


# ---- the packed bytes

METADATA = {"size": "96x64", "output_format": "png", "quality": "high"}
ENTRY = CacheEntry(
    (
        GeneratedImage(data=PHOTO, revised_prompt="An empty beach, at dawn", metadata=METADATA),
        GeneratedImage(data=encode_image(SCENE, "JPEG")),
    ),
    preserved_pixels=4711,
)


def test_packed_entry_unpacks_unchanged():
    assert unpack_entry(pack_entry(ENTRY)) == ENTRY


def test_packed_entry_holds_image_bytes_unchanged():
    assert len(pack_entry(ENTRY)) < sum(len(image.data) for image in ENTRY.images) + 400
    assert PHOTO in pack_entry(ENTRY)


def test_packed_entry_holds_bytes_of_base64_and_no_usage():
    artifact = GeneratedImage(
        b64=base64.b64encode(PHOTO).decode(), metadata={**METADATA, "usage": {"total_tokens": 9}}
    )
    assert unpack_entry(pack_entry(CacheEntry((artifact,)))) == CacheEntry(
        (GeneratedImage(data=PHOTO, metadata=METADATA),)
    )


def test_truncated_entry_unpacks_to_none():
    data = pack_entry(ENTRY)
    for length in {*range(60), *range(60, len(data), 37)}:
        assert unpack_entry(data[:length]) is None


def test_damaged_entry_unpacks_to_none():
    data = pack_entry(ENTRY)
    for at in {*range(300), *range(300, len(data), 37)}:
        assert unpack_entry(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) is None


def seal_body(body, length):
    return struct.pack(">4sII", b"RTC1", crc32(body), length) + body


INVALID_BODIES = [
    b"",
    b"[]",
    b"{}",
    b'{"pictures":[{}],"kept":0}',
    b'{"pictures":3}',
    b"nonsense",
    PHOTO,
]


@pytest.mark.parametrize("body", INVALID_BODIES)
@pytest.mark.parametrize("extra", [0, 5])
def test_invalid_entry_body_unpacks_to_none(body, extra):
    assert unpack_entry(seal_body(body, len(body) + extra)) is None


def test_entry_with_other_magic_unpacks_to_none():
    assert unpack_entry(b"RTC0" + pack_entry(ENTRY)[4:]) is None


@pytest.mark.parametrize("artifact", [GeneratedImage(b64="%%%"), GeneratedImage(data=b"<html>")])
def test_result_that_is_no_image_raises_upstream_error(artifact):
    with pytest.raises(UpstreamError):
        pack_entry(CacheEntry((artifact,)))


# ---- lookup and save


class FakeCache:
    """A cache in memory that records the requested ages."""

    def __init__(self, **entries):
        self.entries, self.max_ages = entries, []

    def get(self, name, max_age):
        self.max_ages.append(max_age)
        return self.entries.get(name)

    def put(self, name, data, max_age):
        self.max_ages.append(max_age)
        self.entries[name] = data


def test_lookup_gives_miss_then_hit_then_refresh():
    cache = FakeCache()
    assert lookup_entry(cache, "k", 60, time_budget(), refresh=False) == ("MISS", None)
    save_entry(cache, "k", ENTRY, 60, time_budget())
    assert lookup_entry(cache, "k", 60, time_budget(), refresh=False) == ("HIT", ENTRY)
    assert lookup_entry(cache, "k", 60, time_budget(), refresh=True) == ("REFRESH", None)
    assert cache.max_ages == [60, 60, 60]


def test_damaged_entry_is_a_cache_miss():
    assert lookup_entry(
        FakeCache(k=pack_entry(ENTRY)[:-1]), "k", None, time_budget(), refresh=False
    ) == (
        "MISS",
        None,
    )


def test_result_that_is_no_image_is_not_saved():
    cache = FakeCache()
    save_entry(cache, "k", CacheEntry((GeneratedImage(data=b"<html>"),)), None, time_budget())
    assert cache.entries == {}


@pytest.mark.parametrize(
    "data",
    [png_with_missing_lines(), png_with_wrong_checksum(), animation("WEBP"), JPEG_XL],
    ids=["missing-lines", "checksum", "animation", "jpeg-xl"],
)
def test_damaged_or_animated_result_is_not_saved(data):
    cache = FakeCache()
    entry = CacheEntry((*ENTRY.images, GeneratedImage(data=data)))
    save_entry(cache, "k", entry, None, time_budget())
    assert cache.entries == {}


class HangingCache:
    """A cache that does not respond until the test ends."""

    def __init__(self):
        self.proceed = threading.Event()

    def get(self, name, max_age):
        self.proceed.wait(60)

    def put(self, name, data, max_age):
        self.proceed.wait(60)


def test_hanging_cache_is_a_miss_and_loses_no_result(caplog):
    cache = HangingCache()
    assert lookup_entry(cache, "k", 60, time_budget(2), refresh=False) == ("MISS", None)
    save_entry(cache, "k", ENTRY, 60, time_budget(0.3))
    cache.proceed.set()
    assert caplog.messages == [
        "the cache did not respond in time",
        "the cache did not take an entry in time",
    ]


def test_lookup_leaves_most_of_the_time_to_the_edit():
    cache, time = HangingCache(), time_budget(2)
    lookup_entry(cache, "k", 60, time, refresh=False)
    cache.proceed.set()
    assert time.remaining() > 0


@pytest.mark.parametrize(
    ("requested_age", "expected_age"),
    [(None, DEFAULT_AGE_SECONDS), (60, 60), (MAX_AGE_SECONDS, MAX_AGE_SECONDS), (10**9, 7_776_000)],
)
def test_max_age_defaults_and_is_limited(requested_age, expected_age):
    assert effective_max_age(requested_age) == expected_age
    cache = FakeCache()
    save_entry(cache, "k", ENTRY, requested_age, time_budget())
    lookup_entry(cache, "k", requested_age, time_budget(), refresh=False)
    assert cache.max_ages == [expected_age, expected_age]
