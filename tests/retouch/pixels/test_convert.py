import io

import pytest
from PIL import Image, ImageChops, ImageOps

from retouch.errors import InvalidRequest
from retouch.pixels.colour import normalise
from retouch.pixels.convert import decode, encode, flatten, resize
from retouch.pixels.inspect import inspect
from retouch.pixels.structure import essence
from tests.retouch.pixels.samples import CLEAR, KINDS, content, exif, in_mode, sample
from tests.support.pictures import encoded, opened

FORMATS = ("png", "jpeg", "webp")


def mean_difference(one, other):
    counts = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).histogram()
    return sum(n * (i % 256) for i, n in enumerate(counts)) / sum(counts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_decoded_to_one_of_three_modes(kind):
    image = decode(sample(kind))
    grey = kind in ("png-grey", "png-bilevel", "jpeg-grey")
    assert image.mode == ("RGBA" if kind in CLEAR else "L" if grey else "RGB")
    with Image.open(io.BytesIO(sample(kind))) as reference:
        assert image.tobytes() == reference.convert(image.mode).tobytes()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("value", range(2, 9))
def test_pictures_are_turned_upright(format, value):
    data = encoded(content().convert("RGB"), format, exif=exif(value))
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image)
    assert decode(data).tobytes() == expected.tobytes()
    picture = normalise(inspect(data))
    assert not picture.rotated
    assert (picture.format, picture.size) == (format.lower(), expected.size)
    assert mean_difference(opened(picture.data), expected) < 8
    assert b"Exif" not in picture.data


def test_broken_pictures_are_refused_by_name():
    data = sample("jpeg")
    scan = data.index(b"\xff\xda")
    with pytest.raises(InvalidRequest) as caught:
        decode(data[:scan] + b"\xff\xd9", param="image[1]")
    assert caught.value.code in ("image_parse_error", "image_truncated")
    assert str(caught.value).startswith("Image 2 ")
    lossless = bytearray(sample("webp-lossless"))
    lossless[30:60] = b"\xff" * 30
    with pytest.raises(InvalidRequest) as caught:
        decode(bytes(lossless))
    assert caught.value.code == "image_parse_error"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_everything_can_be_encoded(format, mode):
    image = in_mode(mode)
    picture = inspect(encode(image, format))
    assert (picture.format, picture.size) == (format, (45, 30))
    assert picture.has_alpha == (mode == "RGBA" and format != "jpeg")


def test_png_is_lossless():
    assert opened(encode(content(), "png")).tobytes() == content().tobytes()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_compression_is_quality(format):
    image = content((200, 200)).convert("RGB")
    sizes = [len(encode(image, format, compression=q)) for q in (0, 30, 60, 95, 100)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 5
    assert len(encode(image, format)) == sizes[3]


def test_jpeg_shows_white_where_it_was_transparent():
    image = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    assert opened(encode(image, "jpeg")).getpixel((8, 8)) == (255, 255, 255)
    assert flatten(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)
    assert flatten(Image.new("L", (1, 1), 7)).getpixel((0, 0)) == 7


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_but_the_profile_is_carried_along(format):
    image = content().convert("RGB")
    image.info = {
        "icc_profile": b"profile!",
        "comment": b"secret",
        "exif": exif(3).tobytes(),
        "dpi": (1, 1),
        "transparency": (1, 2, 3),
        "xmp": b"secret",
    }
    before = dict(image.info)
    found = opened(encode(image, format))
    assert found.info.get("icc_profile") == b"profile!"
    assert not {"comment", "exif", "dpi", "xmp"} & set(found.info)
    assert image.info == before


def test_a_profile_that_no_longer_fits_is_dropped():
    data = encoded(content().convert("CMYK"), "JPEG", icc_profile=b"for ink")
    assert decode(data).info == {}
    data = encoded(content().convert("RGB"), "JPEG", icc_profile=b"for light")
    assert decode(data).info == {"icc_profile": b"for light"}


@pytest.mark.parametrize("source", ["png-palette-alpha", "jpeg-cmyk", "webp-alpha"])
@pytest.mark.parametrize("format", FORMATS)
def test_any_format_becomes_any_other(source, format):
    picture = inspect(encode(decode(sample(source)), format))
    assert (picture.format, picture.size) == (format, (45, 30))
    assert mean_difference(flatten(opened(picture.data)), flatten(decode(sample(source)))) < 15


@pytest.mark.parametrize("kind", KINDS)
def test_the_essence_has_every_pixel(kind):
    picture = inspect(sample(kind) + b"trailing <script>")
    bare = essence(picture.data, picture.format)
    assert b"<script>" not in bare
    assert decode(bare).tobytes() == decode(picture).tobytes()
    assert essence(bare, picture.format) == bare


def test_resizing_does_not_let_hidden_colours_bleed():
    image = Image.new("RGBA", (40, 40), (255, 0, 255, 0))
    image.paste((0, 200, 0, 255), (10, 10, 30, 30))
    small = resize(image, (13, 17))
    assert small.size == (13, 17)
    for red, _, blue, alpha in small.get_flattened_data():
        assert alpha < 8 or (red < 12 and blue < 12)


@pytest.mark.parametrize(("mode", "found"), [("P", "RGB"), ("1", "L"), ("CMYK", "RGB")])
def test_resizing_blends_whatever_the_mode(mode, found):
    image = Image.linear_gradient("L").convert(mode)
    small = resize(image, (10, 10))
    assert small.mode == found
    assert 100 < small.convert("L").getpixel((5, 5)) < 160
