"""What leaves: every picture is one, what was bought is delivered, and no more is said to be kept than is."""

import zlib
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from retouch.errors import BadUpstream, NotStored
from retouch.finish import collect, hand_out
from retouch.messages import Artifact, Picture
from retouch.plan.delivery import Delivery
from retouch.plan.preserve import Keep
from tests.support.pictures import b64, encoded, opened, photo

SIZE = (64, 48)
USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


class Shelf(dict):
    """A store in memory."""

    def put(self, data, format):
        key = f"results/{len(self)}.{format}"
        self[key] = data
        return key

    def sign(self, key, seconds):
        return key


class Full(Shelf):
    """One that takes nothing."""

    def put(self, data, format):
        raise NotStored("The bucket did not take the result.")


def finished(*artifacts, **delivery):
    return collect(artifacts, Delivery(**delivery))


def handed(result, response_format="b64_json", store=None, most_bytes=None):
    delivery = Delivery(response_format)
    return hand_out(
        result, delivery, Shelf() if store is None else store, "https://g/{}".format, most_bytes
    )


def torn():
    """A PNG whose chunks are whole and whose pixels are not."""
    data = photo(*SIZE)
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start])
    body = data[start + 4 : start + 4 + size][: size // 2]
    chunk = len(body).to_bytes(4) + b"IDAT" + body
    chunk += zlib.crc32(b"IDAT" + body).to_bytes(4)
    return data[: start - 4] + chunk + data[start + 8 + size :]


def keep(always=False):
    edit = Image.new("L", SIZE)
    edit.paste(255, (16, 12, 32, 24))
    data = photo(*SIZE)
    return Keep(Picture(data, "png", *SIZE), edit, always)


def painted(format="PNG", size=SIZE):
    return Artifact(data=encoded(Image.new("RGB", size, (255, 0, 255)), format))


@pytest.mark.parametrize(
    "junk",
    [
        Artifact(b64=b64(b"<html>sorry</html>")),
        Artifact(b64=""),
        Artifact(b64="%%%"),
        Artifact(b64=123),
        Artifact(b64=None),
        Artifact(data=b"{}"),
    ],
    ids=repr,
)
def test_what_is_no_picture_does_not_leave(junk):
    for way in ({}, {"convert_to": "webp"}):
        with pytest.raises(BadUpstream) as refused:
            finished(junk, **way)
        assert (refused.value.code, refused.value.billed) == ("no_image_returned", "unknown")


@pytest.mark.parametrize("way", [{"convert_to": "webp"}, {"scale_to": (32, 24)}, {"keep": keep()}])
def test_a_picture_that_breaks_on_opening_is_the_providers_fault(way):
    with pytest.raises(BadUpstream) as refused:
        finished(Artifact(data=torn()), **way)
    assert (refused.value.code, refused.value.billed) == ("no_image_returned", "unknown")


@pytest.mark.parametrize("way", [{}, {"convert_to": "webp"}])
def test_one_that_cannot_be_read_does_not_take_the_others_with_it(way):
    result = finished(Artifact(data=photo()), Artifact(data=b"<html>"), **way)
    assert (len(result.pictures), result.bought) == (1, 2)
    (note,) = result.notes
    assert note.startswith("n: 1 of 2 pictures cannot be read")


def test_an_untouched_picture_leaves_as_it_came():
    picture = Artifact(b64=b64(photo()), facts={"size": "64x64"})
    result = finished(picture)
    assert handed(result).data == ({"b64_json": picture.b64},)
    assert (result.facts, result.notes, result.kept) == ({"size": "64x64"}, (), None)


@pytest.mark.parametrize("way", [{}, {"convert_to": "png"}])
def test_usage_of_one_call_counts_once_and_of_several_together(way):
    one, other = {"usage": USAGE}, {"usage": {**USAGE, "output_tokens": 5}}
    three = [Artifact(data=photo(), facts=one) for _ in range(3)]
    assert finished(*three, **way).facts["usage"] == USAGE
    both = finished(three[0], Artifact(data=photo(), facts=other), **way)
    assert both.facts["usage"] == {"input_tokens": 20, "output_tokens": 25, "total_tokens": 60}


def test_usage_that_only_some_calls_tell_is_not_told():
    told, silent = Artifact(data=photo(), facts={"usage": USAGE}), Artifact(data=photo())
    assert "usage" not in finished(told, silent).facts


def test_usage_of_what_cannot_be_read_was_used_all_the_same():
    broken = Artifact(data=b"junk", facts={"usage": USAGE})
    result = finished(Artifact(data=photo(), facts={"usage": USAGE}), broken)
    assert result.facts["usage"]["output_tokens"] == 40


def outside(image):
    image = image.convert("RGB")
    image.paste((0, 0, 0), (16, 12, 32, 24))
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_kept_pixels_leave_in_a_format_that_holds_them(format):
    result = finished(painted(format), keep=keep())
    left = opened(result.pictures[0].data)
    assert ImageChops.difference(outside(left), outside(opened(photo(*SIZE)))).getbbox() is None
    assert result.facts["output_format"] == left.format.lower() != "jpeg"
    assert result.kept == 64 * 48 - 16 * 12


@pytest.mark.parametrize(
    "way", [{"convert_to": "jpeg"}, {"convert_to": "webp", "compression": 60}], ids=str
)
def test_no_pixel_is_counted_as_kept_in_a_lossy_answer(way):
    result = finished(painted(), keep=keep(), **way)
    assert result.kept is None
    assert opened(result.pictures[0].data).format.lower() == way["convert_to"]


def test_png_holds_every_pixel_whatever_compression_is_asked_for():
    assert (
        finished(painted(), keep=keep(), convert_to="png", compression=60).kept == 64 * 48 - 16 * 12
    )


def test_another_shape_is_told_and_left_alone_unless_asked_for():
    told = finished(painted("JPEG", (64, 64)), keep=keep())
    assert (told.kept, told.facts["size"], told.facts["output_format"]) == (0, "64x64", "jpeg")
    assert "no pixels were put back" in told.notes[0]
    asked = finished(painted("JPEG", (64, 64)), keep=keep(always=True))
    assert (asked.kept, asked.facts["size"], asked.notes) == (64 * 48 - 16 * 12, "64x48", ())


def test_links_lead_to_what_was_stored():
    shelf, data = Shelf(), photo()
    given = handed(finished(Artifact(data=data, revised_prompt="a hat")), "url", shelf)
    assert given.data == ({"url": "https://g/results/0.png", "revised_prompt": "a hat"},)
    assert shelf == {"results/0.png": data}
    assert (given.linked, given.notes) == (True, ())


def test_what_is_too_long_for_the_way_back_becomes_links():
    given = handed(finished(painted()), most_bytes=100)
    assert given.linked
    assert given.data[0].keys() == {"url"}
    assert "too many for this answer, so links" in given.notes[0]


def test_what_is_measured_is_what_leaves():
    small = finished(painted("JPEG", (512, 512)))
    grown = finished(painted("JPEG", (512, 512)), convert_to="png", scale_to=(64, 64))
    most = len(grown.pictures[0].base64()) + 1
    assert not handed(grown, most_bytes=most).linked
    assert handed(small, most_bytes=most).linked


def test_a_bucket_that_takes_nothing_does_not_lose_what_was_bought():
    result = finished(painted())
    given = handed(result, "url", Full())
    assert given.data == ({"b64_json": result.pictures[0].base64()},)
    assert not given.linked
    assert "the bucket did not take the result" in given.notes[0]


def test_a_result_without_any_way_out_says_why():
    with pytest.raises(NotStored, match="more than the 100 that can be answered") as lost:
        handed(finished(painted()), "url", Full(), 100)
    assert lost.value.code == "result_too_large"


def test_clear_pixels_that_are_filled_are_not_counted_as_kept():
    clear = Image.new("RGBA", SIZE, (9, 9, 9, 0))
    held = replace(keep(), original=Picture(encoded(clear), "png", *SIZE, has_alpha=True))
    filled = finished(painted(), keep=held, flatten=True)
    assert (filled.kept, filled.facts["background"]) == (None, "opaque")
    assert opened(filled.pictures[0].data).mode == "RGB"
    whole = finished(painted(), keep=keep(), flatten=True)
    assert whole.kept == 64 * 48 - 16 * 12
