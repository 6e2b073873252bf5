import io
from typing import cast

import pytest
from PIL import Image, ImageChops, ImageOps

from retouch.core.errors import InvalidRequest
from retouch.imaging.codec import decode, encode, flatten, resize
from retouch.imaging.colour import normalize_image
from retouch.imaging.formats.structure import strip_metadata
from retouch.imaging.inspect import inspect_image
from tests.retouch.imaging.samples import (
    KINDS_WITH_ALPHA,
    SAMPLE_KINDS,
    exif_with_orientation,
    sample_bytes,
    sample_image,
    sample_in_mode,
)
from tests.support.images import decode_image, encode_image, grey_value

FORMATS = ("png", "jpeg", "webp")


def mean_difference(first, second):
    counts = ImageChops.difference(first.convert("RGB"), second.convert("RGB")).histogram()
    return sum(n * (i % 256) for i, n in enumerate(counts)) / sum(counts)


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_every_sample_kind_is_decoded_to_l_rgb_or_rgba(kind):
    image = decode(sample_bytes(kind))
    grey = kind in ("png-grey", "png-bilevel", "jpeg-grey")
    assert image.mode == ("RGBA" if kind in KINDS_WITH_ALPHA else "L" if grey else "RGB")
    with Image.open(io.BytesIO(sample_bytes(kind))) as reference:
        assert image.tobytes() == reference.convert(image.mode).tobytes()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("value", range(2, 9))
def test_exif_orientation_is_applied_by_decode_and_normalize_image(format, value):
    data = encode_image(sample_image().convert("RGB"), format, exif=exif_with_orientation(value))
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image)
    assert decode(data).tobytes() == expected.tobytes()
    encoded_image = normalize_image(inspect_image(data))
    assert not encoded_image.has_exif_rotation
    assert (encoded_image.format, encoded_image.size) == (format.lower(), expected.size)
    assert mean_difference(decode_image(encoded_image.data), expected) < 8
    assert b"Exif" not in encoded_image.data


def test_broken_image_raises_invalid_request_naming_it():
    data = sample_bytes("jpeg")
    scan = data.index(b"\xff\xda")
    with pytest.raises(InvalidRequest) as exc_info:
        decode(data[:scan] + b"\xff\xd9", param="image[1]")
    assert exc_info.value.code in ("image_parse_error", "image_truncated")
    assert str(exc_info.value).startswith("Image 2 ")
    lossless = bytearray(sample_bytes("webp-lossless"))
    lossless[30:60] = b"\xff" * 30
    with pytest.raises(InvalidRequest) as exc_info:
        decode(bytes(lossless))
    assert exc_info.value.code == "image_parse_error"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_can_be_encoded_in_every_format(format, mode):
    image = sample_in_mode(mode)
    encoded_image = inspect_image(encode(image, format))
    assert (encoded_image.format, encoded_image.size) == (format, (45, 30))
    assert encoded_image.has_alpha == (mode == "RGBA" and format != "jpeg")


def test_png_encoding_is_lossless():
    assert decode_image(encode(sample_image(), "png")).tobytes() == sample_image().tobytes()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_compression_sets_encoder_quality(format):
    image = sample_image((200, 200)).convert("RGB")
    sizes = [len(encode(image, format, compression=q)) for q in (0, 30, 60, 95, 100)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 5
    assert len(encode(image, format)) == sizes[3]


def test_transparent_pixels_become_white_in_jpeg():
    image = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    assert decode_image(encode(image, "jpeg")).getpixel((8, 8)) == (255, 255, 255)
    assert flatten(Image.new("RGBA", (1, 1), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)
    assert flatten(Image.new("L", (1, 1), 7)).getpixel((0, 0)) == 7


@pytest.mark.parametrize("format", FORMATS)
def test_encode_keeps_only_the_colour_profile(format):
    image = sample_image().convert("RGB")
    image.info = {
        "icc_profile": b"profile!",
        "comment": b"secret",
        "exif": exif_with_orientation(3).tobytes(),
        "dpi": (1, 1),
        "transparency": (1, 2, 3),
        "xmp": b"secret",
    }
    before = dict(image.info)
    result = decode_image(encode(image, format))
    assert result.info.get("icc_profile") == b"profile!"
    assert not {"comment", "exif", "dpi", "xmp"} & set(result.info)
    assert image.info == before


def test_cmyk_profile_is_dropped_by_decode():
    data = encode_image(sample_image().convert("CMYK"), "JPEG", icc_profile=b"for ink")
    assert decode(data).info == {}
    data = encode_image(sample_image().convert("RGB"), "JPEG", icc_profile=b"for light")
    assert decode(data).info == {"icc_profile": b"for light"}


@pytest.mark.parametrize("source", ["png-palette-alpha", "jpeg-cmyk", "webp-alpha"])
@pytest.mark.parametrize("format", FORMATS)
def test_any_format_can_be_converted_to_any_other(source, format):
    encoded_image = inspect_image(encode(decode(sample_bytes(source)), format))
    assert (encoded_image.format, encoded_image.size) == (format, (45, 30))
    assert (
        mean_difference(
            flatten(decode_image(encoded_image.data)), flatten(decode(sample_bytes(source)))
        )
        < 15
    )


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_stripping_metadata_keeps_every_pixel(kind):
    encoded_image = inspect_image(sample_bytes(kind) + b"trailing <script>")
    stripped = strip_metadata(encoded_image.data, encoded_image.format)
    assert b"<script>" not in stripped
    assert decode(stripped).tobytes() == decode(encoded_image).tobytes()
    assert strip_metadata(stripped, encoded_image.format) == stripped


def test_resize_does_not_spread_colours_of_transparent_pixels():
    image = Image.new("RGBA", (40, 40), (255, 0, 255, 0))
    image.paste((0, 200, 0, 255), (10, 10, 30, 30))
    small = resize(image, (13, 17))
    assert small.size == (13, 17)
    pixels = cast("tuple[tuple[int, ...], ...]", small.get_flattened_data())
    for red, _, blue, alpha in pixels:
        assert alpha < 8 or (red < 12 and blue < 12)


@pytest.mark.parametrize(("mode", "resized_mode"), [("P", "RGB"), ("1", "L"), ("CMYK", "RGB")])
def test_resize_blends_pixels_in_every_mode(mode, resized_mode):
    image = Image.linear_gradient("L").convert(mode)
    small = resize(image, (10, 10))
    assert small.mode == resized_mode
    assert 100 < grey_value(small.convert("L"), (5, 5)) < 160
