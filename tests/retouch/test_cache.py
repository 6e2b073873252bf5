"""The same order finds its answer again, whatever its files look like; another order never does."""

import base64
import re
import struct
from binascii import crc32
from dataclasses import replace
from datetime import date

import pytest
from PIL import Image, PngImagePlugin

from retouch.cache import LONGEST_AGE, USUAL_AGE, Entry, key, lifetime, look, pack, remember, unpack
from retouch.errors import BadUpstream
from retouch.messages import Artifact, Material
from retouch.plan import fit
from retouch.plan.connect import connect
from retouch.plan.resolve import resolve
from retouch.prepare import prepare
from retouch.providers import PROVIDERS
from retouch.settings import Settings
from retouch.wire.caller import Caller
from retouch.wire.wish import validate
from tests.support.pictures import cutout, encoded, hole, photo, scene

TODAY = date(2026, 11, 22)
SCENE = scene(96, 64)
PHOTO = encoded(SCENE)
VALUES = {"model": "gpt-image-2", "prompt": "an empty beach"}
BEFORE, AFTER = "before", "after"


def planned(images=(PHOTO,), mask=None, env=None, **values):
    wish = validate(Material({**VALUES, **values}, tuple(images), mask))
    settings = Settings.from_env({"OPENAI_API_KEY": "k", "RETOUCH_BUCKET": "b", **(env or {})})
    target = resolve(wish.model, Caller(), PROVIDERS, settings, TODAY)
    return fit(connect(target, Caller(), settings), wish, settings)


def name(images=(PHOTO,), when=BEFORE, tenant="acme", namespace="", **order):
    plan = planned(images, **order)
    jobs = plan.jobs
    if when == AFTER:
        jobs = [prepare(job, plan.target.serving) for job in jobs]
    return key(plan, jobs, tenant, namespace)


def noted():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "taken on holiday")
    return encoded(SCENE, pnginfo=info)


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    return encoded(SCENE.transpose(Image.Transpose.ROTATE_90), exif=exif)


def pixel():
    image = SCENE.copy()
    image.putpixel((95, 63), (1, 2, 3))
    return encoded(image)


SAME = {
    "another level": encoded(SCENE, compress_level=9),
    "interlaced by nobody, but bigger": encoded(SCENE, compress_level=0),
    "a comment": noted(),
    "EXIF orientation": turned(),
    "WebP without loss": encoded(SCENE, "WEBP", lossless=True),
    "an opaque alpha channel": encoded(SCENE.convert("RGBA")),
    "bytes after its end": PHOTO + b"trailing",
}


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("upload", SAME.values(), ids=SAME)
def test_the_same_picture_in_another_file(upload, when):
    assert upload != PHOTO
    assert name([upload], when) == name(when=when)


def test_grey_is_a_colour():
    grey = SCENE.convert("L")
    assert name([encoded(grey)]) == name([encoded(grey.convert("RGB"))])


OTHERS = {
    "one pixel": pixel(),
    "a JPEG": encoded(SCENE, "JPEG", quality=90),
    "turned": encoded(SCENE.transpose(Image.Transpose.ROTATE_90)),
    "a hole": cutout(96, 64),
    "as many bytes in another shape": encoded(
        Image.frombytes("RGB", (64, 96), SCENE.tobytes()).convert("RGB")
    ),
}


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("upload", OTHERS.values(), ids=OTHERS)
def test_another_picture(upload, when):
    assert name([upload], when) != name(when=when)


MASK, WIDER = hole(96, 64), hole(96, 64, (10, 10, 90, 60))
BOX = {"shapes": [{"type": "box", "x": 10, "y": 10, "width": 80, "height": 50}]}
ORDERS = {
    "the first": {},
    "the prompt": {"prompt": "an empty beach."},
    "two pictures": {"images": (PHOTO, photo(96, 64, "JPEG"))},
    "two pictures in another order": {"images": (photo(96, 64, "JPEG"), PHOTO)},
    "the picture twice": {"images": (PHOTO, PHOTO)},
    "a mask": {"mask": MASK},
    "another mask": {"mask": WIDER},
    "a mask without keeping": {"mask": MASK, "preserve": False},
    "a mask with keeping": {"mask": MASK, "preserve": True},
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


def test_everything_that_decides_the_picture_counts():
    names = {label: name(**order) for label, order in ORDERS.items()}
    assert len(set(names.values())) == len(ORDERS), names
    assert names == {label: name(**order) for label, order in ORDERS.items()}


def test_the_way_of_the_answer_does_not_count():
    assert name(response_format="b64_json") == name(response_format="url")
    assert name(stream=True) == name()


def test_defaults_are_the_same_as_their_words():
    assert name(model="openai/gpt-image-2", n=1) == name()


def test_masks_count_by_what_they_mark():
    drawn = Image.new("RGBA", (96, 64), (9, 9, 9, 255))
    drawn.paste((200, 0, 0, 0), (10, 10, 90, 60))
    assert name(mask=encoded(drawn)) == name(mask=WIDER)


@pytest.mark.parametrize("tenant", ["acme", "../../results", "a/b?c#d", "Zoë\n", "x" * 5000])
def test_names_are_fit_for_a_path(tenant):
    assert re.fullmatch(
        r"[0-9a-f]{24}/[0-9a-f]{24}/[0-9a-f]{64}", name(tenant=tenant, namespace=tenant)
    )


def test_tenant_and_namespace_have_folders_of_their_own():
    found = [name(tenant=t, namespace=n).split("/") for t in "ab" for n in "xy"]
    tenants, namespaces, orders = (len(set(parts)) for parts in zip(*found, strict=True))
    assert (tenants, namespaces, orders) == (2, 2, 4)


def test_a_picture_that_only_its_provider_can_read_counts_by_its_bytes():
    chunk = b"IDAT" + b"\x00" * 40
    at = PHOTO.index(b"IDAT") - 4
    end = at + 12 + struct.unpack(">I", PHOTO[at : at + 4])[0]
    broken = PHOTO[:at] + struct.pack(">I", 40) + chunk + struct.pack(">I", crc32(chunk))
    broken += PHOTO[end:]
    plan = planned()
    picture = replace(plan.jobs[0].images[0], data=broken)
    jobs = [replace(plan.jobs[0], images=(picture,))]
    found = key(plan, jobs, "acme", "")
    assert found != name()
    assert found == key(plan, jobs, "acme", "")


# ---- the bytes

FACTS = {"size": "96x64", "output_format": "png", "quality": "high"}
ENTRY = Entry(
    (
        Artifact(data=PHOTO, revised_prompt="An empty beach, at dawn", facts=FACTS),
        Artifact(data=encoded(SCENE, "JPEG")),
    ),
    kept=4711,
)


def test_what_is_packed_comes_out():
    assert unpack(pack(ENTRY)) == ENTRY


def test_pictures_are_kept_as_they_are():
    assert len(pack(ENTRY)) < sum(len(one.data) for one in ENTRY.artifacts) + 400
    assert PHOTO in pack(ENTRY)


def test_base64_is_kept_as_bytes_and_usage_not_at_all():
    artifact = Artifact(
        b64=base64.b64encode(PHOTO).decode(), facts={**FACTS, "usage": {"total_tokens": 9}}
    )
    assert unpack(pack(Entry((artifact,)))) == Entry((Artifact(data=PHOTO, facts=FACTS),))


def test_a_cut_entry_is_none():
    data = pack(ENTRY)
    for length in {*range(60), *range(60, len(data), 37)}:
        assert unpack(data[:length]) is None


def test_a_damaged_entry_is_none():
    data = pack(ENTRY)
    for at in {*range(300), *range(300, len(data), 37)}:
        assert unpack(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) is None


def sealed(body, length):
    return struct.pack(">4sII", b"RTC1", crc32(body), length) + body


FOREIGN = [b"", b"[]", b"{}", b'{"pictures":[{}],"kept":0}', b'{"pictures":3}', b"nonsense", PHOTO]


@pytest.mark.parametrize("body", FOREIGN)
@pytest.mark.parametrize("extra", [0, 5])
def test_an_entry_of_another_make_is_none(body, extra):
    assert unpack(sealed(body, len(body) + extra)) is None


def test_other_magic_is_none():
    assert unpack(b"RTC0" + pack(ENTRY)[4:]) is None


@pytest.mark.parametrize("artifact", [Artifact(b64="%%%"), Artifact(data=b"<html>")])
def test_what_is_no_picture_is_not_packed(artifact):
    with pytest.raises(BadUpstream):
        pack(Entry((artifact,)))


# ---- both together


class Shelf:
    """A store in memory that says what it was asked."""

    def __init__(self, **kept):
        self.kept, self.ages = kept, []

    def get(self, name, max_age):
        self.ages.append(max_age)
        return self.kept.get(name)

    def put(self, name, data, max_age):
        self.ages.append(max_age)
        self.kept[name] = data


def test_miss_then_hit_then_refresh():
    shelf = Shelf()
    assert look(shelf, "k", 60, refresh=False) == ("MISS", None)
    remember(shelf, "k", ENTRY, 60)
    assert look(shelf, "k", 60, refresh=False) == ("HIT", ENTRY)
    assert look(shelf, "k", 60, refresh=True) == ("REFRESH", None)
    assert shelf.ages == [60, 60, 60]


def test_a_damaged_entry_is_a_miss():
    assert look(Shelf(k=pack(ENTRY)[:-1]), "k", None, refresh=False) == ("MISS", None)


def test_what_is_no_picture_is_not_kept():
    shelf = Shelf()
    remember(shelf, "k", Entry((Artifact(data=b"<html>"),)), None)
    assert shelf.kept == {}


@pytest.mark.parametrize(
    ("asked", "found"),
    [(None, USUAL_AGE), (60, 60), (LONGEST_AGE, LONGEST_AGE), (10**9, 7_776_000)],
)
def test_ages(asked, found):
    assert lifetime(asked) == found
    shelf = Shelf()
    remember(shelf, "k", ENTRY, asked)
    look(shelf, "k", asked, refresh=False)
    assert shelf.ages == [found, found]
