import pytest
from PIL import Image, ImageDraw

from retouch.errors import InvalidRequest
from retouch.messages import Picture
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import alpha_png, mask_from_alpha, read_mask
from tests.retouch.pixels.samples import exif
from tests.support.pictures import encoded, opened

BASE = Picture(b"", "png", 40, 20)


def hole(mode="RGBA", alpha=0, size=(40, 20)):
    """Opaque but for the left upper quarter."""
    image = Image.new("RGBA", size, (9, 9, 9, 255))
    image.paste((200, 100, 50, alpha), (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def code(data, against=BASE):
    with pytest.raises(InvalidRequest) as caught:
        read_mask(data, against)
    assert caught.value.status == 400
    assert caught.value.param == "mask"
    assert "The mask " in str(caught.value)
    return caught.value.code, str(caught.value)


def keyed(mode):
    """Transparent by a key colour or a palette entry instead of an alpha channel."""
    image = Image.new("L", (40, 20), 1)
    image.paste(0, (0, 0, 20, 10))
    if mode == "P":
        return encoded(image.convert("P"), transparency=bytes([0, 255]))
    key = (0, 0, 0) if mode == "RGB" else 0
    return encoded(image.convert(mode), transparency=key)


@pytest.mark.parametrize(
    "data",
    [
        encoded(hole()),
        encoded(hole("LA")),
        encoded(hole(), "WEBP", lossless=True),
        keyed("P"),
        keyed("L"),
        keyed("RGB"),
    ],
    ids=["RGBA", "LA", "WebP", "palette", "grey key", "colour key"],
)
def test_transparent_means_edit(data):
    mask = read_mask(data, BASE)
    assert (mask.edit.mode, mask.edit.size) == ("L", (40, 20))
    assert mask.edit.getpixel((0, 0)) == mask.edit.getpixel((19, 9)) == 255
    assert mask.edit.getpixel((20, 0)) == mask.edit.getpixel((0, 10)) == 0
    assert (mask.coverage, mask.soft) == (0.25, False)
    assert mask.source == inspect(data)


@pytest.mark.parametrize("depth", [2, 4, 16])
def test_key_levels_of_other_depths_are_understood(depth):
    from tests.cases.images.build import END, SIGNATURE, chunk, header, lines

    key, other = {2: (b"\x55", b"\xaa"), 4: (b"\x55", b"\xaa"), 16: (b"\x55\0", b"\xaa\0")}[depth]
    level = {2: b"\0\1", 4: b"\0\5", 16: b"\x55\0"}[depth]
    start = SIGNATURE + header(8, 2, depth, 0) + chunk(b"tRNS", level)
    count = 8 * depth // 8 // len(key)
    against = Picture(b"", "png", 8, 2)
    assert read_mask(start + lines(count, 2, key) + END, against).coverage == 1.0
    assert code(start + lines(count, 2, other) + END, against)[0] == "mask_empty"


@pytest.mark.parametrize(("alpha", "marked"), [(0, True), (127, True), (128, False), (255, False)])
def test_from_half_transparent_on_a_pixel_is_marked(alpha, marked):
    data = encoded(hole(alpha=alpha))
    if not marked:
        assert code(data)[0] == "mask_empty"
        return
    mask = read_mask(data, BASE)
    assert mask.coverage == 0.25
    assert mask.soft == (alpha == 127)
    assert mask.edit.getpixel((0, 0)) == 255 - alpha


def test_everything_may_be_marked():
    mask = read_mask(encoded(Image.new("RGBA", (40, 20))), BASE)
    assert (mask.coverage, mask.soft) == (1.0, False)


def test_sizes_must_be_equal_and_both_are_named():
    found, message = code(encoded(hole(size=(20, 40))))
    assert found == "mask_size_mismatch"
    assert "20x40" in message
    assert "40x20" in message


def test_a_mask_without_alpha_says_how_to_get_it():
    for data in (encoded(hole("RGB")), encoded(hole("L")), encoded(hole("RGB"), "JPEG")):
        found, message = code(data)
        assert found == "mask_without_alpha"
        assert "alpha" in message
        assert "transparent" in message
        assert ("JPEG" in message) == data.startswith(b"\xff\xd8")


def test_broken_masks_are_the_masks_fault():
    assert code(b"")[0] == "empty_image_file"
    assert code(encoded(hole())[:50])[0] == "image_truncated"


def test_a_turned_mask_is_turned_upright():
    image = hole(size=(20, 40))
    data = encoded(image, exif=exif(6))
    mask = read_mask(data, BASE)
    upright = image.getchannel("A").transpose(Image.Transpose.ROTATE_270)
    assert mask.edit.tobytes() == upright.point(lambda v: 255 - v).tobytes()
    assert mask.source.rotated


def test_a_pictures_own_transparency_marks():
    mask = mask_from_alpha(inspect(encoded(hole(alpha=0))))
    assert (mask.coverage, mask.source) == (0.25, None)
    assert mask.edit.getpixel((0, 0)) == 255


@pytest.mark.parametrize("image", [hole("RGB"), hole(alpha=255), hole(alpha=200)])
def test_a_picture_without_transparency_marks_nothing(image):
    assert mask_from_alpha(inspect(encoded(image))) is None


def soft():
    image = hole()
    alpha = Image.radial_gradient("L").resize(image.size)
    ImageDraw.Draw(alpha).rectangle((10, 5, 25, 12), fill=0)
    image.putalpha(alpha)
    return image


def test_the_openai_dialect_has_hard_edges_and_sane_colours():
    mask = read_mask(encoded(soft()), BASE)
    assert mask.soft
    picture = alpha_png(mask)
    assert (picture.format, picture.size, picture.has_alpha) == ("png", (40, 20), True)
    image = opened(picture.data)
    assert image.mode == "RGBA"
    assert image.convert("RGB").getcolors() == [(800, (0, 0, 0))]
    expected = mask.edit.point(lambda v: 0 if v >= 128 else 255)
    assert image.getchannel("A").tobytes() == expected.tobytes()


def test_the_openai_dialect_reads_back_the_same():
    mask = read_mask(encoded(hole()), BASE)
    again = read_mask(alpha_png(mask).data, BASE)
    assert again.edit.tobytes() == mask.edit.tobytes()
    assert again.coverage == mask.coverage


def test_the_openai_dialect_is_small():
    image = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse((300, 300, 700, 700), fill=(0, 0, 0, 0))
    mask = mask_from_alpha(inspect(encoded(image)))
    assert len(alpha_png(mask).data) < 12_000
