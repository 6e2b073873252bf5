import pytest
from PIL import Image, ImageDraw

from retouch.errors import InvalidRequest
from retouch.messages import Picture
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import mask_from_alpha, read_mask
from retouch.pixels.mask_out import write_mask
from tests.retouch.pixels.samples import exif
from tests.support.pictures import encoded, opened

BASE = Picture(b"", "png", 40, 20)


def hole(mode="RGBA", alpha=0, size=(40, 20)):
    """Opaque but for the left upper quarter."""
    image = Image.new("RGBA", size, (9, 9, 9, 255))
    image.paste((200, 100, 50, alpha), (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def code(data, against=BASE, **how):
    with pytest.raises(InvalidRequest) as caught:
        read_mask(data, against, **how)
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


def shades(ground, mark, size=(40, 20)):
    """Grey, marked in the left upper quarter."""
    image = Image.new("L", size, ground)
    image.paste(mark, (0, 0, size[0] // 2, size[1] // 2))
    return image


@pytest.mark.parametrize(
    ("mode", "image"),
    [("white", shades(0, 255)), ("black", shades(255, 0))],
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
def test_light_or_dark_means_edit_where_the_caller_says_so(mode, image, kind, format, options):
    mask = read_mask(encoded(image.convert(kind), format, **options), BASE, mode=mode)
    assert mask.edit.tobytes() == shades(0, 255).tobytes()
    assert (mask.coverage, mask.soft, mask.source) == (0.25, False, None)


@pytest.mark.parametrize("mode", ["white", "black"])
def test_what_is_transparent_is_kept(mode):
    for hidden in ("white", "black"):
        image = Image.new("RGBA", (40, 20), hidden)
        image.putalpha(0)
        image.paste(Image.new("RGBA", (10, 10), mode), (0, 0))
        mask = read_mask(encoded(image), BASE, mode=mode)
        assert mask.coverage == 0.125
        assert mask.edit.getbbox() == (0, 0, 10, 10)


def test_greys_of_a_lossless_mask_are_kept():
    data = encoded(Image.linear_gradient("L").resize((40, 20)))
    white, black = (read_mask(data, BASE, mode=mode) for mode in ("white", "black"))
    assert white.soft
    assert white.edit.tobytes() == opened(data).tobytes()
    assert black.edit.tobytes() == bytes(255 - v for v in opened(data).tobytes())


def test_the_noise_of_a_lossy_mask_marks_nothing():
    image = Image.new("L", (40, 20))
    ImageDraw.Draw(image).ellipse((5, 5, 30, 16), fill=255)
    data = encoded(image, "JPEG", quality=30)
    assert len(opened(data).getcolors()) > 2
    mask = read_mask(data, BASE, mode="white")
    assert not mask.soft
    assert {value for _, value in mask.edit.getcolors()} == {0, 255}


def test_a_turned_grey_mask_is_turned_upright():
    image = shades(0, 255, (20, 40))
    mask = read_mask(encoded(image, exif=exif(6)), BASE, mode="white")
    assert mask.edit.tobytes() == image.transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize(
    ("mode", "nothing", "word"), [("white", 127, "white"), ("black", 128, "black")]
)
def test_nothing_marked_is_said_in_the_modes_words(mode, nothing, word):
    found, message = code(encoded(shades(nothing, nothing)), mode=mode)
    assert found == "mask_empty"
    assert f"edit {word}" in message


@pytest.mark.parametrize(
    ("mode", "image"),
    [
        ("alpha", Image.new("RGBA", (40, 20))),
        ("white", Image.new("L", (40, 20), 255)),
        ("black", Image.new("L", (40, 20))),
    ],
)
def test_everything_marked_is_refused_where_it_makes_no_sense(mode, image):
    assert read_mask(encoded(image), BASE, mode=mode).coverage == 1.0
    found, message = code(encoded(image), mode=mode, allow_full=False)
    assert found == "mask_full"
    assert "means edit" in message
    image.putpixel((3, 3), {"alpha": (0, 0, 0, 255), "white": 0, "black": 255}[mode])
    assert read_mask(encoded(image), BASE, mode=mode, allow_full=False).coverage < 1


def test_a_mask_without_alpha_is_told_of_the_other_modes():
    assert "mask_mode" in code(encoded(hole("L")))[1]


def soft():
    image = hole()
    alpha = Image.radial_gradient("L").resize(image.size)
    ImageDraw.Draw(alpha).rectangle((10, 5, 25, 12), fill=0)
    image.putalpha(alpha)
    return image


def openai(mask):
    return write_mask(mask, "alpha", mode="RGBA", soft=False)


def test_the_openai_dialect_has_hard_edges_and_sane_colours():
    mask = read_mask(encoded(soft()), BASE)
    assert mask.soft
    picture = openai(mask)
    assert (picture.format, picture.size, picture.has_alpha) == ("png", (40, 20), True)
    image = opened(picture.data)
    assert image.mode == "RGBA"
    assert image.convert("RGB").getcolors() == [(800, (0, 0, 0))]
    expected = mask.edit.point(lambda v: 0 if v >= 128 else 255)
    assert image.getchannel("A").tobytes() == expected.tobytes()


def test_the_openai_dialect_reads_back_the_same():
    mask = read_mask(encoded(hole()), BASE)
    again = read_mask(openai(mask).data, BASE)
    assert again.edit.tobytes() == mask.edit.tobytes()
    assert again.coverage == mask.coverage


def test_the_openai_dialect_is_small():
    image = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse((300, 300, 700, 700), fill=(0, 0, 0, 0))
    mask = mask_from_alpha(inspect(encoded(image)))
    assert len(openai(mask).data) < 12_000
