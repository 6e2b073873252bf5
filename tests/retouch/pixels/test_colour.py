"""Colours as a viewer shows them, and pictures as a provider gets them."""

import zlib

import pytest
from PIL import Image, ImageChops

from retouch.errors import InvalidRequest
from retouch.pixels.colour import decode_srgb, normalise, to_srgb
from retouch.pixels.convert import decode
from retouch.pixels.inspect import inspect
from retouch.pixels.structure import profile
from tests.cases.images.build import END, SECRETS, SIGNATURE, chunk, header, private_exif
from tests.retouch.pixels import profiles
from tests.retouch.pixels.samples import KINDS, content, exif, in_mode, sample
from tests.support.pictures import encoded, opened

FORMATS = ("PNG", "JPEG", "WEBP")
BROKEN = [
    b"profile!",
    b"\0" * 500,
    profiles.rgb()[:200],
    bytes(16) + b"\xff" * 4,
    profiles.rgb() + bytes(5_000_000),
]


def with_profile(image, data, **info):
    image = image.copy()
    image.info = {"icc_profile": data, **info}
    return image


def test_an_image_without_a_profile_is_returned_itself():
    image = content()
    assert to_srgb(image) is image


def test_colours_of_a_wider_space_become_more_vivid():
    image = with_profile(Image.new("RGB", (2, 2), (200, 100, 50)), profiles.rgb(profiles.P3))
    found = to_srgb(image)
    assert near(found.getpixel((0, 0)), (215, 93, 31), 1)  # by the published P3 to sRGB matrix
    assert (found.mode, found.info) == ("RGB", {})
    assert image.info["icc_profile"]


def test_another_makers_srgb_changes_nothing():
    image = with_profile(content().convert("RGB"), profiles.rgb(profiles.SRGB))
    found = to_srgb(image)
    assert found.tobytes() == image.tobytes()
    assert found.info == {}


def test_transparency_is_kept_whatever_form_it_has():
    image = with_profile(content(), profiles.mixed_up())
    found = to_srgb(image)
    assert found.mode == "RGBA"
    assert found.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    red, green, blue = image.convert("RGB").split()
    swapped = Image.merge("RGB", (blue, green, red))
    assert largest(ImageChops.difference(found.convert("RGB"), swapped)) <= 2
    keyed = Image.new("P", (2, 1))
    keyed.putpalette([255, 0, 0, 0, 0, 255])
    keyed.putpixel((1, 0), 1)
    found = to_srgb(with_profile(keyed, profiles.mixed_up(), transparency=bytes((0, 255))))
    assert found.mode == "RGBA"
    assert [p[3] for p in (found.getpixel((0, 0)), found.getpixel((1, 0)))] == [0, 255]
    assert near(found.getpixel((1, 0))[:3], (255, 0, 0))


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_stays_grey(mode):
    level = {"1": 255}.get(mode, 128)
    fill = (level, 7) if mode == "LA" else level
    found = to_srgb(with_profile(Image.new(mode, (3, 3), fill), profiles.grey(1.0)))
    bright = 255 if mode == "1" else 188  # half the light
    if mode == "LA":
        assert found.getpixel((0, 0)) == (bright, bright, bright, 7)
    else:
        assert (found.mode, found.getpixel((0, 0))) == ("L", bright)


def test_inks_are_shown_as_printed_and_not_by_rule_of_thumb():
    paper, ink = (Image.new("CMYK", (2, 2), c) for c in ((0, 0, 0, 0), (255, 0, 0, 0)))
    assert near(to_srgb(with_profile(paper, profiles.inks())).getpixel((0, 0)), (255, 255, 255))
    found = to_srgb(with_profile(ink, profiles.inks()))
    assert found.mode == "RGB"
    assert near(found.getpixel((0, 0)), (46, 46, 46))  # L* 50 of 255 is a dark grey
    data = encoded(ink, "JPEG", icc_profile=profiles.inks())
    assert near(decode_srgb(data).getpixel((0, 0)), (46, 46, 46))
    assert decode(data).getpixel((0, 0))[0] < 10


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK", "P"])
def test_a_broken_profile_is_dropped_without_effect(mode, data):
    image = in_mode(mode)
    found = to_srgb(with_profile(image, data))
    assert (found.mode, found.tobytes(), found.info) == (mode, image.tobytes(), {})


@pytest.mark.parametrize(
    ("mode", "data"),
    [
        ("L", profiles.rgb()),
        ("RGB", profiles.grey(1.0)),
        ("RGB", profiles.inks()),
        ("CMYK", profiles.rgb()),
    ],
)
def test_a_profile_for_other_channels_is_dropped_without_effect(mode, data):
    image = in_mode(mode)
    found = to_srgb(with_profile(image, data))
    assert (found.mode, found.tobytes(), found.info) == (mode, image.tobytes(), {})


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_profile_decoding_is_what_it_was(kind):
    assert decode_srgb(sample(kind)).tobytes() == decode(sample(kind)).tobytes()


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("jpeg", "jpeg-grey", "jpeg-cmyk")])
def test_a_picture_in_order_is_returned_itself(kind):
    picture = inspect(sample(kind))
    assert normalise(picture) is picture


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-grey", "jpeg-progressive"])
def test_a_jpeg_in_order_is_returned_itself(kind):
    picture = inspect(sample(kind))
    assert normalise(picture) is picture


@pytest.mark.parametrize("format", FORMATS)
def test_words_and_places_go_and_pixels_stay(format):
    options = {"PNG": {}, "JPEG": {"comment": b"<script>"}, "WEBP": {"xmp": b"<script>"}}[format]
    data = encoded(content().convert("RGB"), format, exif=private_exif(), **options)
    picture = inspect(data + b"PK\x03\x04")
    found = normalise(picture)
    assert any(secret in picture.data for secret in SECRETS)
    assert not any(secret in found.data for secret in SECRETS)
    assert decode(found).tobytes() == decode(picture).tobytes()
    assert normalise(found) is found


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("data", [profiles.rgb(profiles.SRGB), b"profile!"])
def test_a_profile_that_changes_nothing_is_cut_out(format, data):
    picture = inspect(encoded(content().convert("RGB"), format, icc_profile=data))
    assert profile(picture.data, picture.format) == data
    found = normalise(picture)
    assert profile(found.data, found.format) == b""
    assert len(found.data) < len(picture.data)
    assert decode(found).tobytes() == decode(picture).tobytes()
    assert opened(found.data).info.get("icc_profile") is None


@pytest.mark.parametrize("format", FORMATS)
def test_other_colours_are_converted(format):
    image = Image.new("RGB", (16, 16), (200, 40, 40))
    picture = inspect(encoded(image, format, icc_profile=profiles.mixed_up()))
    found = normalise(picture)
    assert found.format == picture.format
    assert near(decode(found).getpixel((8, 8)), (40, 40, 200), 6)
    assert profile(found.data, found.format) == b""


def test_a_profile_in_many_pieces_is_put_together():
    data = profiles.mixed_up() + bytes(200_000)
    picture = inspect(encoded(content().convert("RGB"), "JPEG", icc_profile=data))
    assert profile(picture.data, "jpeg") == data


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("turn", [3, 6])
def test_pictures_are_turned_upright(format, turn):
    picture = inspect(encoded(content().convert("RGB"), format, exif=exif(turn)))
    found = normalise(picture)
    assert (found.size, found.rotated, found.format) == (picture.size, False, picture.format)
    assert largest(ImageChops.difference(decode(found), decode(picture))) < 60
    assert normalise(found) is found


def test_deep_and_ink_pictures_become_ordinary():
    lines = zlib.compress((b"\0" + b"\x80\0\x40\0\x20\0" * 8) * 8)
    deep = inspect(SIGNATURE + header(8, 8, 16, 2) + chunk(b"IDAT", lines) + END)
    found = normalise(deep)
    assert (found.data[24], decode(found).getpixel((0, 0))) == (8, (0x80, 0x40, 0x20))
    inks = inspect(sample("jpeg-cmyk"))
    found = normalise(inks)
    assert (found.format, opened(found.data).mode) == ("jpeg", "RGB")
    assert normalise(found) is found


def test_what_cannot_be_decoded_is_refused_politely():
    turned = encoded(content().convert("RGB"), "JPEG", exif=exif(6))
    picture = inspect(turned[: turned.index(b"\xff\xda")] + b"\xff\xda\0\2\xff\xd9")
    with pytest.raises(InvalidRequest) as refused:
        normalise(picture)
    assert refused.value.code == "image_parse_error"


def near(one, other, by=2):
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def largest(difference):
    return max(high for _, high in difference.getextrema())
