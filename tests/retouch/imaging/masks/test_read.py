import pytest
from PIL import Image, ImageDraw

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import mask_from_alpha, read_mask
from retouch.imaging.masks.write import write_mask
from tests.retouch.imaging.masks.mask_files import (
    REFERENCE_IMAGE,
    grey_mask_image,
    mask_image_with_hole,
    rejection_of,
)
from tests.retouch.imaging.samples import exif_with_orientation
from tests.support.images import color_counts, decode_image, encode_image


def keyed_mask(mode):
    """Return a mask whose transparency is a key colour or a palette entry instead of an alpha channel."""
    image = Image.new("L", (40, 20), 1)
    image.paste(0, (0, 0, 20, 10))
    if mode == "P":
        return encode_image(image.convert("P"), transparency=bytes([0, 255]))
    key = (0, 0, 0) if mode == "RGB" else 0
    return encode_image(image.convert(mode), transparency=key)


@pytest.mark.parametrize(
    "data",
    [
        encode_image(mask_image_with_hole()),
        encode_image(mask_image_with_hole("LA")),
        encode_image(mask_image_with_hole(), "WEBP", lossless=True),
        keyed_mask("P"),
        keyed_mask("L"),
        keyed_mask("RGB"),
    ],
    ids=["RGBA", "LA", "WebP", "palette", "grey key", "colour key"],
)
def test_transparent_pixels_are_marked(data):
    mask = read_mask(data, REFERENCE_IMAGE)
    assert (mask.pixels.mode, mask.pixels.size) == ("L", (40, 20))
    assert mask.pixels.getpixel((0, 0)) == mask.pixels.getpixel((19, 9)) == 255
    assert mask.pixels.getpixel((20, 0)) == mask.pixels.getpixel((0, 10)) == 0
    assert (mask.coverage, mask.has_soft_edges) == (0.25, False)
    assert mask.source_file == inspect_image(data)


@pytest.mark.parametrize("depth", [2, 4, 16])
def test_key_colour_of_other_bit_depth_is_read(depth):
    from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header, image_data

    key, other = {2: (b"\x55", b"\xaa"), 4: (b"\x55", b"\xaa"), 16: (b"\x55\0", b"\xaa\0")}[depth]
    level = {2: b"\0\1", 4: b"\0\5", 16: b"\x55\0"}[depth]
    start = SIGNATURE + header(8, 2, depth, 0) + chunk(b"tRNS", level)
    count = 8 * depth // 8 // len(key)
    reference = EncodedImage(b"", "png", 8, 2)
    assert read_mask(start + image_data(count, 2, key) + IEND_CHUNK, reference).coverage == 1.0
    assert (
        rejection_of(start + image_data(count, 2, other) + IEND_CHUNK, reference)[0] == "mask_empty"
    )


@pytest.mark.parametrize(
    ("alpha", "is_marked"), [(0, True), (127, True), (128, False), (255, False)]
)
def test_pixel_is_marked_from_half_transparent_on(alpha, is_marked):
    data = encode_image(mask_image_with_hole(alpha=alpha))
    if not is_marked:
        assert rejection_of(data)[0] == "mask_empty"
        return
    mask = read_mask(data, REFERENCE_IMAGE)
    assert (mask.coverage, mask.has_soft_edges) == (0.25, False)
    assert mask.pixels.getpixel((0, 0)) == 255


def test_fully_transparent_mask_marks_everything():
    mask = read_mask(encode_image(Image.new("RGBA", (40, 20))), REFERENCE_IMAGE)
    assert (mask.coverage, mask.has_soft_edges) == (1.0, False)


def test_mask_of_other_size_is_rejected_naming_both_sizes():
    error_code, message = rejection_of(encode_image(mask_image_with_hole(size=(20, 40))))
    assert error_code == "mask_size_mismatch"
    assert "20x40" in message
    assert "40x20" in message


@pytest.mark.parametrize("outside", [255, 254, 250, 200, 129])
@pytest.mark.parametrize("hole", [0, 5, 100])
def test_near_opaque_pixels_are_unmarked_and_file_is_not_sent_unchanged(hole, outside):
    image = mask_image_with_hole(alpha=hole)
    image.putalpha(image.getchannel("A").point(lambda v: outside if v == 255 else v))
    mask = read_mask(encode_image(image), REFERENCE_IMAGE)
    assert mask.pixels.tobytes() == grey_mask_image(0, 255).tobytes()
    assert (mask.source_file is not None) == ((hole, outside) == (0, 255))


def test_opaque_mode_marks_the_strokes_on_a_clear_canvas():
    for colour in ("red", "white", "black"):
        image = Image.new("RGBA", (40, 20))
        image.paste(Image.new("RGBA", (20, 10), colour), (0, 0))
        mask = read_mask(encode_image(image), REFERENCE_IMAGE, mode="opaque")
        assert mask.pixels.tobytes() == grey_mask_image(0, 255).tobytes()
        assert (mask.origin.marking, mask.source_file) == ("opaque", None)


def test_opaque_mode_rejects_empty_canvas_and_file_without_alpha():
    code, message = rejection_of(encode_image(Image.new("RGBA", (40, 20))), mode="opaque")
    assert code == "mask_empty"
    assert "opaque" in message
    code, message = rejection_of(encode_image(grey_mask_image(0, 255)), mode="opaque")
    assert code == "mask_without_alpha"
    assert "mask_mode=white" in message


def test_translucent_strokes_are_rejected_with_the_opacity_that_marks():
    canvas = Image.new("RGBA", (40, 20))
    canvas.paste((255, 0, 0, 127), (5, 5, 15, 15))
    code, message = rejection_of(encode_image(canvas), mode="opaque")
    assert code == "mask_empty"
    assert "an opacity of 100 %" in message


def test_mask_without_alpha_is_rejected_with_remedy():
    for data in (
        encode_image(mask_image_with_hole("RGB")),
        encode_image(mask_image_with_hole("L")),
        encode_image(mask_image_with_hole("RGB"), "JPEG"),
    ):
        error_code, message = rejection_of(data)
        assert error_code == "mask_without_alpha"
        assert "alpha" in message
        assert "transparent" in message
        assert ("JPEG" in message) == data.startswith(b"\xff\xd8")


def test_broken_mask_file_is_rejected():
    assert rejection_of(b"")[0] == "empty_image_file"
    assert rejection_of(encode_image(mask_image_with_hole())[:50])[0] == "image_truncated"


def test_rotated_mask_is_turned_upright():
    image = mask_image_with_hole(size=(20, 40))
    data = encode_image(image, exif=exif_with_orientation(6))
    mask = read_mask(data, REFERENCE_IMAGE)
    upright = image.getchannel("A").transpose(Image.Transpose.ROTATE_270)
    assert mask.pixels.tobytes() == upright.point(lambda v: 255 - v).tobytes()
    assert mask.source_file is not None
    assert mask.source_file.has_exif_rotation


def test_transparency_of_image_gives_mask():
    mask = mask_from_alpha(inspect_image(encode_image(mask_image_with_hole(alpha=0))))
    assert mask is not None
    assert (mask.coverage, mask.source_file) == (0.25, None)
    assert mask.pixels.getpixel((0, 0)) == 255


@pytest.mark.parametrize(
    "image",
    [mask_image_with_hole("RGB"), mask_image_with_hole(alpha=255), mask_image_with_hole(alpha=200)],
)
def test_opaque_image_gives_no_mask(image):
    assert mask_from_alpha(inspect_image(encode_image(image))) is None


@pytest.mark.parametrize(
    ("mode", "image"),
    [("white", grey_mask_image(0, 255)), ("black", grey_mask_image(255, 0))],
    ids=["white", "black"],
)
@pytest.mark.parametrize(
    ("kind", "format", "options"),
    [
        ("L", "PNG", {}),
        ("1", "PNG", {}),
        ("P", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGB", "WEBP", {"quality": 40}),
        ("L", "JPEG", {"quality": 40}),
        ("RGB", "JPEG", {"quality": 90}),
        ("CMYK", "JPEG", {}),
    ],
)
def test_mask_mode_white_or_black_marks_that_colour(mode, image, kind, format, options):
    mask = read_mask(
        encode_image(image.convert(kind), format, **options), REFERENCE_IMAGE, mode=mode
    )
    assert mask.pixels.tobytes() == grey_mask_image(0, 255).tobytes()
    assert (mask.coverage, mask.has_soft_edges, mask.source_file) == (0.25, False, None)


@pytest.mark.parametrize("mode", ["white", "black"])
def test_transparent_pixels_are_unmarked_in_white_and_black_mode(mode):
    for hidden in ("white", "black"):
        image = Image.new("RGBA", (40, 20), hidden)
        image.putalpha(0)
        image.paste(Image.new("RGBA", (10, 10), mode), (0, 0))
        mask = read_mask(encode_image(image), REFERENCE_IMAGE, mode=mode)
        assert mask.coverage == 0.125
        assert mask.pixels.getbbox() == (0, 0, 10, 10)


def test_ramp_of_lossless_mask_is_preserved():
    data = encode_image(Image.linear_gradient("L").resize((40, 20)))
    white, black = (read_mask(data, REFERENCE_IMAGE, mode=mode) for mode in ("white", "black"))
    assert white.has_soft_edges
    assert white.pixels.tobytes() == without_noise(decode_image(data)).tobytes()
    inverted = decode_image(data).point(lambda v: 255 - v)
    assert black.pixels.tobytes() == without_noise(inverted).tobytes()


def without_noise(levels):
    """Return the levels with those near 0 and 255 moved to 0 and 255."""
    return levels.point(lambda v: 0 if v < 25 else 255 if v > 230 else v)


def test_noise_of_lossy_mask_is_ignored():
    image = Image.new("L", (40, 20))
    ImageDraw.Draw(image).ellipse((5, 5, 30, 16), fill=255)
    data = encode_image(image, "JPEG", quality=30)
    assert len(color_counts(decode_image(data))) > 2
    mask = read_mask(data, REFERENCE_IMAGE, mode="white")
    assert not mask.has_soft_edges
    assert {value for _, value in color_counts(mask.pixels)} == {0, 255}


def test_rotated_grey_mask_is_turned_upright():
    image = grey_mask_image(0, 255, (20, 40))
    mask = read_mask(
        encode_image(image, exif=exif_with_orientation(6)), REFERENCE_IMAGE, mode="white"
    )
    assert mask.pixels.tobytes() == image.transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize(
    ("mode", "unmarked", "word"), [("white", 127, "white"), ("black", 128, "black")]
)
def test_empty_mask_error_names_marking_colour(mode, unmarked, word):
    error_code, message = rejection_of(encode_image(grey_mask_image(unmarked, unmarked)), mode=mode)
    assert error_code == "mask_empty"
    assert f"edit {word}" in message


def test_mask_without_alpha_error_names_mask_mode():
    assert "mask_mode" in rejection_of(encode_image(mask_image_with_hole("L")))[1]


def soft_mask_image():
    image = mask_image_with_hole()
    alpha = Image.radial_gradient("L").resize(image.size)
    ImageDraw.Draw(alpha).rectangle((10, 5, 25, 12), fill=0)
    image.putalpha(alpha)
    return image


def openai_mask(mask):
    return write_mask(mask, "alpha", mode="RGBA", soft=False)


def test_openai_mask_has_hard_edges_and_black_colour():
    mask = read_mask(encode_image(soft_mask_image()), REFERENCE_IMAGE)
    assert mask.has_soft_edges
    written = openai_mask(mask)
    assert (written.format, written.size, written.has_alpha) == ("png", (40, 20), True)
    image = decode_image(written.data)
    assert image.mode == "RGBA"
    assert image.convert("RGB").getcolors() == [(800, (0, 0, 0))]
    expected = mask.pixels.point(lambda v: 0 if v >= 128 else 255)
    assert image.getchannel("A").tobytes() == expected.tobytes()


def test_openai_mask_reads_back_unchanged():
    mask = read_mask(encode_image(mask_image_with_hole()), REFERENCE_IMAGE)
    reread = read_mask(openai_mask(mask).data, REFERENCE_IMAGE)
    assert reread.pixels.tobytes() == mask.pixels.tobytes()
    assert reread.coverage == mask.coverage


def test_openai_mask_file_is_small():
    image = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse((300, 300, 700, 700), fill=(0, 0, 0, 0))
    mask = mask_from_alpha(inspect_image(encode_image(image)))
    assert len(openai_mask(mask).data) < 12_000


def test_error_for_an_opaque_mask_gives_its_remedies_as_alternatives():
    pixels = Image.new("RGB", (64, 48))
    pixels.paste("white", (10, 10, 30, 30))
    with pytest.raises(InvalidRequest) as exc_info:
        read_mask(encode_image(pixels), EncodedImage(b"", "png", 64, 48))
    assert "send mask_mode=white if white means edit. Or save it as a PNG" in str(exc_info.value)
