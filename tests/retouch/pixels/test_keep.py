"""A provider that repaints everything changes nothing outside the mask."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.pixels.colour import decode_srgb
from retouch.pixels.convert import decode, resize
from retouch.pixels.inspect import inspect
from retouch.pixels.keep import feather_for, put_back
from tests.retouch.pixels import profiles
from tests.retouch.pixels.samples import KINDS, content, exif, sample
from tests.retouch.pixels.strategies import edits, noise, pictures, seeds
from tests.support.pictures import encoded

quick = settings(max_examples=80, deadline=None)
ANY = [0] + [255] * 255


def outside(image, edit):
    """The pixels where the mask is 0, as RGBA; elsewhere nothing."""
    return Image.composite(Image.new("RGBA", edit.size), image.convert("RGBA"), edit.point(ANY))


def changed(before, after, edit):
    """The largest difference outside the mask, alpha included."""
    difference = ImageChops.difference(outside(before, edit), outside(after, edit))
    return max(high for _, high in difference.getextrema())


def put(original, result, edit, feather):
    """`put_back` into a picture's file."""
    return put_back(decode_srgb(original), result, edit, feather=feather)


@st.composite
def orders(draw):
    """An original as a file, a repainted result of any mode, and a mask."""
    image = draw(pictures())
    format = draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    ready = image.convert("RGB") if format != "PNG" else image
    if format == "WEBP" and image.mode in ("LA", "RGBA"):
        ready = image.convert("RGBA")
    result = draw(pictures(size=image.size))
    return inspect(encoded(ready, format)), result, draw(edits(size=image.size))


@quick
@given(orders(), st.integers(0, 9))
def test_outside_the_mask_not_one_level_changes(order, feather):
    original, result, edit = order
    before = decode(original)
    kept, count = put(original, result, edit, feather=feather)
    assert changed(before, kept, edit) == 0
    assert count >= edit.histogram()[0]
    assert kept.mode in ("L", "RGB", "RGBA")
    assert kept.info == {}


@quick
@given(orders())
def test_without_a_feather_a_fully_marked_pixel_is_the_results(order):
    original, result, edit = order
    hard = edit.point(lambda v: 255 * (v > 127))
    kept, count = put(original, result, hard, feather=0)
    full = ImageChops.invert(hard)
    assert count == hard.histogram()[0]
    shown = result.convert("RGBA"), kept.convert("RGBA")
    alphas = [image.getchannel("A") for image in shown]
    assert changed(*(Image.merge("RGBA", [a] * 4) for a in alphas), full) == 0
    # Half transparent colours are rounded when they are weighed by their alpha.
    solid = alphas[0].point(lambda v: 255 * (v < 255))
    assert changed(*shown, ImageChops.lighter(full, solid)) == 0


@quick
@given(pictures(modes=("RGB",)), st.data())
def test_greys_blend_in_proportion(image, data):
    edit = data.draw(edits(size=image.size))
    result = noise("RGB", image.size, data.draw(seeds))
    kept, _ = put(inspect(encoded(image)), result, edit, feather=0)
    weights = [v for v in edit.tobytes() for _ in range(3)]
    for old, new, weight, found in zip(
        image.tobytes(), result.tobytes(), weights, kept.tobytes(), strict=True
    ):
        assert abs(found - (new * weight + old * (255 - weight)) / 255) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_original_is_kept(kind):
    original = inspect(sample(kind))
    edit = Image.new("L", original.size)
    edit.paste(255, (10, 5, 30, 25))
    result = Image.new("RGB", original.size, (1, 200, 3))
    kept, count = put(original, result, edit, feather=2)
    assert changed(decode(original), kept, edit) == 0
    assert kept.convert("RGBA").getpixel((20, 15)) == (1, 200, 3, 255)
    assert count == 45 * 30 - 400


@pytest.mark.parametrize(
    ("before", "after", "mode"),
    [
        ("L", "L", "L"),
        ("L", "RGB", "RGB"),
        ("RGB", "L", "RGB"),
        ("RGBA", "RGB", "RGBA"),
        ("RGB", "RGBA", "RGBA"),
        ("L", "RGBA", "RGBA"),
    ],
)
def test_the_answer_holds_both_without_loss(before, after, mode):
    edit = Image.new("L", (8, 8))
    edit.paste(255, (0, 0, 4, 8))
    original, result = noise(before, (8, 8), 1), noise(after, (8, 8), 2)
    assert put(inspect(encoded(original)), result, edit, feather=0)[0].mode == mode


def test_alpha_that_hides_nothing_is_not_added():
    result = noise("RGB", (8, 8), 2).convert("RGBA")
    original = inspect(encoded(noise("RGB", (8, 8), 1)))
    kept, _ = put(original, result, Image.new("L", (8, 8), 255), feather=0)
    assert kept.mode == "RGB"
    assert kept.tobytes() == result.convert("RGB").tobytes()


def test_hidden_colours_do_not_shine_through_the_seam():
    original = Image.new("RGBA", (40, 40), (255, 0, 255, 0))
    edit = Image.new("L", (40, 40))
    edit.paste(255, (10, 10, 30, 30))
    result = Image.new("RGB", (40, 40), (0, 200, 0))
    kept, _ = put(inspect(encoded(original)), result, edit, feather=6)
    for red, green, blue, alpha in kept.crop((10, 10, 30, 30)).get_flattened_data():
        assert alpha < 20 or (red < 15 and green > 180 and blue < 15)
    assert kept.getpixel((0, 0)) == (255, 0, 255, 0)


def test_the_seam_is_inside_and_as_wide_as_asked():
    original = inspect(encoded(Image.new("RGB", (60, 60), "black")))
    edit = Image.new("L", (60, 60))
    edit.paste(255, (20, 20, 40, 40))
    result = Image.new("RGB", (60, 60), "white")
    line = put(original, result, edit, feather=4)[0].getchannel("R").crop((18, 30, 30, 31))
    assert line.tobytes()[:2] == b"\0\0"
    assert list(line.tobytes()) == sorted(line.tobytes())
    assert sum(0 < v < 255 for v in line.tobytes()) == 4


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_colours_are_compared_as_they_are_seen(format):
    image = content((32, 32)).convert("RGB")
    data = encoded(image, format, icc_profile=profiles.mixed_up())
    edit = Image.new("L", (32, 32))
    edit.paste(255, (8, 8, 16, 16))
    result = noise("RGB", (32, 32), 4)
    result.info["icc_profile"] = profiles.mixed_up()
    kept, _ = put(inspect(data), result, edit, feather=0)
    assert changed(decode_srgb(data), kept, edit) == 0
    assert changed(decode(data), kept, edit) > 20
    red, _, blue = result.getpixel((10, 10))
    found = kept.getpixel((10, 10))
    assert (abs(found[0] - blue), abs(found[2] - red)) <= (2, 2)


def test_deep_pictures_are_kept_as_eight_bits():
    from tests.cases.images.build import png

    original = inspect(png(colour=2, depth=16, pixel=b"\x80\x01\x40\0\x20\0"))
    edit = Image.new("L", (8, 8))
    edit.paste(255, (0, 0, 2, 2))
    kept, count = put(original, Image.new("RGB", (8, 8)), edit, feather=0)
    assert (kept.getpixel((5, 5)), count) == ((0x80, 0x40, 0x20), 60)


def test_a_turned_original_is_kept_as_it_is_displayed():
    data = encoded(content((30, 20)).convert("RGB"), "JPEG", exif=exif(6))
    edit = Image.new("L", (20, 30))
    edit.paste(255, (0, 0, 5, 5))
    kept, _ = put(inspect(data), Image.new("RGB", (20, 30)), edit, feather=0)
    assert changed(decode(data), kept, edit) == 0


def test_the_mask_must_be_as_large_as_the_original():
    original = inspect(encoded(noise("RGB", (8, 8), 1)))
    with pytest.raises(ValueError, match="9, 8"):
        put(original, Image.new("RGB", (8, 8)), Image.new("L", (9, 8)), feather=0)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_result_of_another_size_is_scaled_where_it_is_needed(mode):
    original = inspect(encoded(noise("RGB", (90, 60), 1)))
    result = noise(mode, (31, 22), 2)
    edit = Image.new("L", (90, 60))
    edit.paste(255, (20, 10, 70, 55))
    kept, count = put(original, result, edit, feather=3)
    scaled, same = put(original, resize(result, (90, 60)), edit, feather=3)
    difference = ImageChops.difference(kept.convert("RGB"), scaled.convert("RGB"))
    assert max(high for _, high in difference.getextrema()) <= 1
    assert changed(decode(original), kept, edit) == 0
    assert count == same


@pytest.mark.parametrize("modes", [("L", "RGB"), ("RGB", "RGBA"), ("RGBA", "RGB"), ("RGB", "RGB")])
def test_a_picture_of_many_bands_has_no_seams_between_them(modes, monkeypatch):
    original = inspect(encoded(noise(modes[0], (70, 90), 1)))
    result, edit = noise(modes[1], (70, 90), 2), Image.new("L", (70, 90))
    ImageDraw.Draw(edit).ellipse((5, 8, 62, 80), fill=255)
    whole = put(original, result, edit, feather=7)
    monkeypatch.setattr("retouch.pixels.regions._BAND", 300)
    kept, count = put(original, result, edit, feather=7)
    assert count == whole[1]
    assert kept.mode == whole[0].mode
    assert kept.tobytes() == whole[0].tobytes()


@pytest.mark.parametrize(
    ("size", "feather"),
    [((64, 64), 2), ((1024, 1024), 5), ((1536, 1024), 5), ((2160, 3840), 11), ((8000, 6000), 16)],
)
def test_the_default_feather_grows_with_the_picture(size, feather):
    assert feather_for(size) == feather
