"""Tests of the structure of HEIC and AVIF files, and of their decoders."""

import io
import struct
from dataclasses import replace

import pillow_heif
import pytest
from PIL import Image, ImageChops

from retouch.imaging.codec import decode, decode_as_stored
from retouch.imaging.colour import decode_srgb
from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats import avif, heic
from retouch.imaging.formats.iso_bmff import iter_boxes, read_items
from retouch.imaging.formats.structure import check_structure, read_icc_profile, strip_metadata
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.retouch.imaging.heif_files import EXACT_SIZE, SAVE_FORMATS, replace_at, with_colour_codes
from tests.retouch.imaging.samples import (
    CONVERTED_SAMPLE_KINDS,
    KINDS_WITH_ALPHA,
    exif_with_orientation,
    sample_bytes,
    sample_image,
    sample_in_mode,
)
from tests.support.images import channel_values, encode_image, max_value

HEIF_KINDS = [kind for kind in CONVERTED_SAMPLE_KINDS if kind.startswith(("heic", "avif"))]
FORMATS = tuple(SAVE_FORMATS)
EXACT_BYTES = {
    "heic": encode_image(sample_in_mode("RGB", EXACT_SIZE), "HEIF"),
    "avif": encode_image(sample_in_mode("RGB", EXACT_SIZE), "AVIF"),
}


def rejection_of(data, format, limits=DEFAULT_LIMITS):
    with pytest.raises(InvalidImage) as exc_info:
        check_structure(data, format, limits)
    return exc_info.value


def format_of(kind):
    return kind.partition("-")[0]


def table_of(data):
    return read_items(data, DEFAULT_LIMITS, "HEIC")


def property_of(data, kind):
    return next(box for box in table_of(data).properties if box.kind == kind)


def difference(first, second):
    assert first.size == second.size
    return max_value(ImageChops.difference(first.convert("RGB"), second.convert("RGB")))


@pytest.mark.parametrize("kind", HEIF_KINDS)
def test_heif_header_is_read(kind):
    header = check_structure(sample_bytes(kind), format_of(kind))
    alpha = kind in KINDS_WITH_ALPHA
    assert (header.width, header.height, header.has_alpha) == (45, 30, alpha)


@pytest.mark.parametrize("kind", HEIF_KINDS)
def test_heif_cut_at_any_offset_is_damaged_or_truncated(kind):
    data = sample_bytes(kind)
    codes = [rejection_of(data[:end], format_of(kind)).code for end in range(12, len(data))]
    assert set(codes) <= {"image_truncated", "image_parse_error"}
    assert codes.count("image_parse_error") <= 3  # where one box ends and the next would start


@pytest.mark.parametrize("kind", HEIF_KINDS)
@pytest.mark.parametrize("tail", [b"junk", b"\0" * 99, b"motion photo data", b"\xff" * 40])
def test_bytes_after_the_last_box_are_ignored(kind, tail):
    data, format = sample_bytes(kind), format_of(kind)
    assert check_structure(data + tail, format) == check_structure(data, format)
    assert strip_metadata(data + tail, format) == strip_metadata(data, format)


@pytest.mark.parametrize("kind", HEIF_KINDS)
def test_pixels_are_close_to_the_original(kind):
    image = decode(sample_bytes(kind))
    assert difference(image, sample_image().convert("RGB").convert(image.mode)) < 110
    if kind in KINDS_WITH_ALPHA:
        assert difference(image.getchannel("A"), sample_image().getchannel("A")) < 12


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("size", [EXACT_SIZE, (145, 90)])
@pytest.mark.parametrize(
    ("format", "options"), [("heic", {}), ("heic", {"tile_size": 64}), ("avif", {})]
)
def test_rotation_and_mirroring_are_applied_once(format, options, size, value):
    image = sample_in_mode("RGB", size)
    exif = exif_with_orientation(value).tobytes()
    data = encode_image(image, SAVE_FORMATS[format], exif=exif, quality=95, **options)
    header = check_structure(data, format)
    assert header.orientation == value
    result = decode(data)
    assert result.size == header.displayed_size
    turned = Image.Exif()
    turned[0x0112] = value
    expected = decode(encode_image(image, "PNG", exif=turned))
    assert difference(result, expected) < 40


@pytest.mark.parametrize("format", FORMATS)
def test_exif_orientation_without_rotation_is_ignored(format):
    """In HEIF only the properties of the image count, and EXIF may repeat or contradict them."""
    data = encode_image(
        sample_in_mode("RGB", EXACT_SIZE),
        SAVE_FORMATS[format],
        exif=exif_with_orientation(6).tobytes(),
    )
    rotation = property_of(data, b"irot")
    unrotated = replace_at(data, rotation.start, b"\0")
    assert check_structure(unrotated, format).displayed_size == EXACT_SIZE


@pytest.mark.parametrize("format", FORMATS)
def test_heif_limits_are_exact(format):
    data = EXACT_BYTES[format]
    ok = replace(DEFAULT_LIMITS, side=128, pixels=128 * 64)
    check_structure(data, format, ok)
    assert rejection_of(data, format, replace(ok, side=127)).code == "image_too_large"
    assert rejection_of(data, format, replace(ok, pixels=128 * 64 - 1)).code == "image_too_large"
    too_many = rejection_of(data, format, replace(ok, pieces=1))
    assert too_many.code == "image_metadata_too_large"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(0, 64), (127, 64), (128, 65), (16_384, 3_000), (2**32 - 1, 64)])
def test_stated_size_that_differs_from_the_coded_size_is_rejected(format, size):
    data = EXACT_BYTES[format]
    box = property_of(data, b"ispe")
    changed = replace_at(data, box.start + 4, struct.pack(">II", *size))
    if size == (127, 64):  # codecs work in blocks, so a slightly smaller stated size is legal
        return
    assert rejection_of(changed, format).code in ("image_parse_error", "image_too_large")


@pytest.mark.parametrize(
    ("brand", "format"),
    [(b"msf1", "heic"), (b"hevc", "heic"), (b"hevx", "heic"), (b"avis", "avif")],
)
def test_sequence_is_rejected_as_animated(brand, format):
    data = replace_at(EXACT_BYTES[format], 8, brand)
    assert rejection_of(data, format).code == "image_animated"


def test_animated_avif_is_rejected():
    frames = [sample_in_mode("RGB"), sample_image(seed=6).convert("RGB")]
    data = encode_image(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert rejection_of(data, "avif").code == "image_animated"


@pytest.mark.parametrize("kind", [b"jpeg", b"unci", b"av01", b"vvc1", b"iovl", b"iden", b"tmap"])
def test_other_kind_of_image_is_unsupported_by_name(kind):
    data = EXACT_BYTES["heic"].replace(b"hvc1\0", kind + b"\0")
    error = rejection_of(data, "heic")
    assert error.code == "unsupported_image_format"
    assert kind.decode() in str(error)


def test_unknown_essential_property_is_unsupported():
    data = EXACT_BYTES["heic"].replace(b"pixi", b"zzzz")
    check_structure(data, "heic")  # a reader may skip it
    number = 1 + [box.kind for box in table_of(data).properties].index(b"zzzz")
    uses = data.index(b"ipma") + 4
    changed = data[:uses] + data[uses:].replace(bytes((number,)), bytes((number | 0x80,)))
    error = rejection_of(changed, "heic")
    assert error.code in ("unsupported_image_format", "image_parse_error")


def test_first_image_of_several_is_the_primary_one():
    first, second = sample_in_mode("RGB", EXACT_SIZE), Image.new("RGB", (64, 64), "red")
    data = encode_image(first, "HEIF", save_all=True, append_images=[second])
    assert check_structure(data, "heic").displayed_size == EXACT_SIZE
    assert difference(decode(data), first) < 110


def test_metadata_thumbnails_and_further_images_are_removed():
    exif = exif_with_orientation(1)
    exif[0x010F] = "SECRET"
    data = encode_image(
        sample_in_mode("RGB", EXACT_SIZE),
        "HEIF",
        exif=exif.tobytes(),
        xmp=b"<SECRET/>",
        thumbnails=[32],
        save_all=True,
        append_images=[Image.new("RGB", (64, 64), "red")],
    )
    assert b"SECRET" in data
    stripped = strip_metadata(data, "heic")
    assert b"SECRET" not in stripped
    assert list(table_of(stripped).kinds.values()) == [b"hvc1"]
    assert decode(stripped).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("kind", HEIF_KINDS)
def test_strip_metadata_is_stable_and_keeps_stored_pixels(kind):
    data = sample_bytes(kind)
    stripped = strip_metadata(data, format_of(kind))
    assert strip_metadata(stripped, format_of(kind)) == stripped
    box = (0, 0, 45, 30)
    assert decode(stripped).crop(box).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_colour_profile_is_read_and_can_be_removed(format):
    data = encode_image(
        sample_in_mode("RGB", EXACT_SIZE), SAVE_FORMATS[format], icc_profile=b"profile!" * 20
    )
    assert read_icc_profile(data, format) == b"profile!" * 20
    stripped = strip_metadata(data, format, profile=False)
    assert read_icc_profile(stripped, format) == b""
    assert decode_as_stored(data, param="image")[0].info == {"icc_profile": b"profile!" * 20}


def test_colour_codes_are_read():
    assert heic.read_colour_codes(EXACT_BYTES["heic"]) == (1, 13)
    assert avif.read_colour_codes(EXACT_BYTES["avif"]) == (1, 13)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("codes", [(255, 13, 6), (1, 255, 6), (1, 13, 255), (0, 0, 3), (3, 3, 15)])
def test_unknown_colour_codes_do_not_refuse_the_image(format, codes):
    data = with_colour_codes(format, *codes)
    colour = channel_values(decode_srgb(data), (9, 9))
    assert all(abs(a - b) < 4 for a, b in zip(colour, (200, 100, 40), strict=True))


@pytest.mark.parametrize("format", FORMATS)
def test_wide_colours_of_colour_codes_are_converted_to_srgb(format):
    """The expected colour is that of Display P3 in sRGB."""
    colour = channel_values(decode_srgb(with_colour_codes(format, 12, 13, 6)), (9, 9))
    assert all(abs(a - b) < 5 for a, b in zip(colour, (215, 93, 6), strict=True))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_colour_codes_of_television_and_srgb_change_no_colour(format, transfer):
    data = with_colour_codes(format, 1, transfer, 6)
    assert decode_srgb(data).tobytes() == decode(data).tobytes()


def test_10_bit_heic_becomes_8_bits():
    pixels = b"".join(struct.pack("<3H", 65_535, 32_768, 0) for _ in range(64 * 64))
    buffer = io.BytesIO()
    pillow_heif.encode("RGB;16", (64, 64), pixels, buffer, quality=90)
    data = buffer.getvalue()
    assert data.count(b"\x0a\x0a\x0a")  # 10 bits a channel
    result = decode(data)
    assert result.mode == "RGB"
    assert all(
        abs(a - b) < 8 for a, b in zip(channel_values(result, (9, 9)), (255, 128, 0), strict=True)
    )


def test_premultiplied_alpha_is_undone():
    image = Image.new("RGBA", (64, 64), (200, 100, 40, 128))
    data = encode_image(image, "AVIF", quality=100, alpha_premultiplied=True)
    assert b"prem" in data
    assert b"prem" in strip_metadata(data, "avif")
    result = channel_values(decode(data), (30, 30))
    assert all(abs(a - b) < 8 for a, b in zip(result, (200, 100, 40, 128), strict=True))


def test_shared_bytes_of_many_tiles_are_rejected():
    data = sample_bytes("heic-grid")
    box = next(b for b in _meta_boxes(data) if b.kind == b"iloc")
    table = table_of(data)
    starts = [table.locations[tile].extents[0] for tile in table.targets(b"dimg", 1)]
    lengths = [struct.pack(">I", length) for _, length in starts]
    body = data[box.start : box.end]
    for length in lengths:
        body = body.replace(length, struct.pack(">I", len(data) - starts[0][0] - 1), 1)
    changed = replace_at(data, box.start, body)
    assert rejection_of(changed, "heic").code in ("image_parse_error", "image_truncated")


def _meta_boxes(data):
    meta = next(
        b for b in iter_boxes(data, 0, len(data), DEFAULT_LIMITS, "HEIC") if b.kind == b"meta"
    )
    return iter_boxes(data, meta.start + 4, meta.end, DEFAULT_LIMITS, "HEIC")


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x0cmeta\0\0\0\0",
    ],
)
def test_heic_without_image_is_damaged_and_not_unsupported(data):
    assert rejection_of(data, "heic").code == "image_parse_error"


def test_video_inside_heic_brand_is_animated():
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08moov"
    assert rejection_of(data, "heic").code == "image_animated"
