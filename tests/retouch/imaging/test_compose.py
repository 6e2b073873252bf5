"""Tests of compositing: a provider that repaints the whole image changes nothing outside the mask."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from retouch.imaging.codec import decode, resize
from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original, default_feather
from retouch.imaging.inspect import inspect_image
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import (
    SAMPLE_KINDS,
    exif_with_orientation,
    sample_bytes,
    sample_image,
)
from tests.retouch.imaging.strategies import images, mask_areas, noise_image, seeds
from tests.support.images import encode_image, max_value

quick_settings = settings(max_examples=80, deadline=None)
NONZERO_TO_255 = [0] + [255] * 255


def clear_marked_pixels(image, area):
    """Return the pixels where the mask is 0, as RGBA. All other pixels are empty."""
    return Image.composite(
        Image.new("RGBA", area.size), image.convert("RGBA"), area.point(NONZERO_TO_255)
    )


def max_change_outside(before, after, area):
    """Return the largest difference outside the mask, alpha included."""
    difference = ImageChops.difference(
        clear_marked_pixels(before, area), clear_marked_pixels(after, area)
    )
    return max_value(difference)


def composite(original, result, area, feather):
    """Call `composite_original` with an image file as the original."""
    return composite_original(decode_srgb(original), result, area, feather=feather)


@st.composite
def composite_cases(draw):
    """Draw an original as a file, a repainted result of any mode, and a mask."""
    image = draw(images())
    format = draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    encodable = image.convert("RGB") if format != "PNG" else image
    if format == "WEBP" and image.mode in ("LA", "RGBA"):
        encodable = image.convert("RGBA")
    result = draw(images(size=image.size))
    return inspect_image(encode_image(encodable, format)), result, draw(mask_areas(size=image.size))


@quick_settings
@given(composite_cases(), st.integers(0, 9))
def test_composite_changes_no_pixel_outside_mask(case, feather):
    original, result, edit = case
    before = decode(original)
    composited, count = composite(original, result, edit, feather=feather)
    assert max_change_outside(before, composited, edit) == 0
    assert count >= edit.histogram()[0]
    assert composited.mode in ("L", "RGB", "RGBA")
    assert composited.info == {}


@quick_settings
@given(composite_cases())
def test_fully_marked_pixel_without_feather_is_from_result(case):
    original, result, edit = case
    hard = edit.point(lambda v: 255 * (v > 127))
    composited, count = composite(original, result, hard, feather=0)
    full = ImageChops.invert(hard)
    assert count == hard.histogram()[0]
    both = result.convert("RGBA"), composited.convert("RGBA")
    alphas = [image.getchannel("A") for image in both]
    first, second = (Image.merge("RGBA", [a] * 4) for a in alphas)
    assert max_change_outside(first, second, full) == 0
    # The colours of half transparent pixels are rounded when they are weighted by alpha.
    solid = alphas[0].point(lambda v: 255 * (v < 255))
    assert max_change_outside(*both, ImageChops.lighter(full, solid)) == 0


@quick_settings
@given(images(modes=("RGB",)), st.data())
def test_partly_marked_pixels_blend_in_proportion(image, data):
    edit = data.draw(mask_areas(size=image.size))
    result = noise_image("RGB", image.size, data.draw(seeds))
    composited, _ = composite(inspect_image(encode_image(image)), result, edit, feather=0)
    weights = [v for v in edit.tobytes() for _ in range(3)]
    for old, new, weight, pixel in zip(
        image.tobytes(), result.tobytes(), weights, composited.tobytes(), strict=True
    ):
        assert abs(pixel - (new * weight + old * (255 - weight)) / 255) <= 1


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_every_kind_of_original_is_preserved_outside_mask(kind):
    original = inspect_image(sample_bytes(kind))
    edit = Image.new("L", original.size)
    edit.paste(255, (10, 5, 30, 25))
    result = Image.new("RGB", original.size, (1, 200, 3))
    composited, count = composite(original, result, edit, feather=2)
    assert max_change_outside(decode(original), composited, edit) == 0
    assert composited.convert("RGBA").getpixel((20, 15)) == (1, 200, 3, 255)
    assert count == 45 * 30 - 400


@pytest.mark.parametrize("feather", [0, 2, 16, 60])
@pytest.mark.parametrize("level", [1, 40, 255])
def test_pixels_inside_the_mask_never_count_as_preserved(feather, level):
    """The outermost pixels of a wide soft edge have the weight 0, but the mask marks them."""
    original = inspect_image(encode_image(noise_image("RGB", (120, 90), 1)))
    edit = Image.new("L", original.size)
    edit.paste(level, (20, 10, 100, 80))
    _, count = composite(original, noise_image("RGB", (120, 90), 2), edit, feather=feather)
    assert count == 120 * 90 - 80 * 70


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
def test_composite_mode_holds_original_and_result(before, after, mode):
    edit = Image.new("L", (8, 8))
    edit.paste(255, (0, 0, 4, 8))
    original, result = noise_image(before, (8, 8), 1), noise_image(after, (8, 8), 2)
    assert composite(inspect_image(encode_image(original)), result, edit, feather=0)[0].mode == mode


def test_opaque_alpha_channel_is_not_added():
    result = noise_image("RGB", (8, 8), 2).convert("RGBA")
    original = inspect_image(encode_image(noise_image("RGB", (8, 8), 1)))
    composited, _ = composite(original, result, Image.new("L", (8, 8), 255), feather=0)
    assert composited.mode == "RGB"
    assert composited.tobytes() == result.convert("RGB").tobytes()


def test_colours_of_transparent_pixels_do_not_show_at_seam():
    original = Image.new("RGBA", (40, 40), (255, 0, 255, 0))
    edit = Image.new("L", (40, 40))
    edit.paste(255, (10, 10, 30, 30))
    result = Image.new("RGB", (40, 40), (0, 200, 0))
    composited, _ = composite(inspect_image(encode_image(original)), result, edit, feather=6)
    for red, green, blue, alpha in composited.crop((10, 10, 30, 30)).get_flattened_data():
        assert alpha < 20 or (red < 15 and green > 180 and blue < 15)
    assert composited.getpixel((0, 0)) == (255, 0, 255, 0)


def test_feather_lies_inside_mask_with_requested_width():
    original = inspect_image(encode_image(Image.new("RGB", (60, 60), "black")))
    edit = Image.new("L", (60, 60))
    edit.paste(255, (20, 20, 40, 40))
    result = Image.new("RGB", (60, 60), "white")
    line = composite(original, result, edit, feather=4)[0].getchannel("R").crop((18, 30, 30, 31))
    assert line.tobytes()[:2] == b"\0\0"
    assert list(line.tobytes()) == sorted(line.tobytes())
    assert sum(0 < v < 255 for v in line.tobytes()) == 4


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_original_with_profile_is_composited_in_srgb(format):
    image = sample_image((32, 32)).convert("RGB")
    data = encode_image(image, format, icc_profile=icc_profiles.red_blue_swapped_profile())
    edit = Image.new("L", (32, 32))
    edit.paste(255, (8, 8, 16, 16))
    result = noise_image("RGB", (32, 32), 4)
    result.info["icc_profile"] = icc_profiles.red_blue_swapped_profile()
    composited, _ = composite(inspect_image(data), result, edit, feather=0)
    assert max_change_outside(decode_srgb(data), composited, edit) == 0
    assert max_change_outside(decode(data), composited, edit) > 20
    red, _, blue = result.getpixel((10, 10))
    pixel = composited.getpixel((10, 10))
    assert (abs(pixel[0] - blue), abs(pixel[2] - red)) <= (2, 2)


def test_16_bit_original_is_composited_in_8_bits():
    from tests.cases.images.build import png

    original = inspect_image(png(colour=2, depth=16, pixel=b"\x80\x01\x40\0\x20\0"))
    edit = Image.new("L", (8, 8))
    edit.paste(255, (0, 0, 2, 2))
    composited, count = composite(original, Image.new("RGB", (8, 8)), edit, feather=0)
    assert (composited.getpixel((5, 5)), count) == ((0x80, 0x40, 0x20), 60)


def test_rotated_original_is_composited_as_displayed():
    data = encode_image(
        sample_image((30, 20)).convert("RGB"), "JPEG", exif=exif_with_orientation(6)
    )
    edit = Image.new("L", (20, 30))
    edit.paste(255, (0, 0, 5, 5))
    composited, _ = composite(inspect_image(data), Image.new("RGB", (20, 30)), edit, feather=0)
    assert max_change_outside(decode(data), composited, edit) == 0


def test_mask_of_other_size_raises_value_error():
    original = inspect_image(encode_image(noise_image("RGB", (8, 8), 1)))
    with pytest.raises(ValueError, match="9, 8"):
        composite(original, Image.new("RGB", (8, 8)), Image.new("L", (9, 8)), feather=0)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_result_of_another_size_is_scaled_inside_mask(mode):
    original = inspect_image(encode_image(noise_image("RGB", (90, 60), 1)))
    result = noise_image(mode, (31, 22), 2)
    edit = Image.new("L", (90, 60))
    edit.paste(255, (20, 10, 70, 55))
    composited, count = composite(original, result, edit, feather=3)
    scaled, same = composite(original, resize(result, (90, 60)), edit, feather=3)
    difference = ImageChops.difference(composited.convert("RGB"), scaled.convert("RGB"))
    assert max_value(difference) <= 1
    assert max_change_outside(decode(original), composited, edit) == 0
    assert count == same


@pytest.mark.parametrize("times", [1, 2])
def test_marked_area_is_from_the_source_box_of_the_result(times):
    """The result shows more than the original: its part from (12, 7) on, at any scale."""
    shown, area = noise_image("RGB", (60, 40), 3), Image.new("L", (60, 40))
    area.paste(255, (9, 5, 50, 31))
    result = Image.new("RGB", (90, 70), "green")
    result.paste(shown, (12, 7))
    result = result.resize((90 * times, 70 * times), Image.Resampling.NEAREST)
    source_box = (12 * times, 7 * times, 72 * times, 47 * times)
    original = Image.new("RGB", (60, 40), "white")
    composited, _ = composite_original(original, result, area, feather=0, source_box=source_box)
    expected = Image.new("RGB", (60, 40), "white")
    blocks = shown.resize((60 * times, 40 * times), Image.Resampling.NEAREST)
    expected.paste(resize(blocks, (60, 40)), mask=area)
    inner = (12, 8, 47, 28)  # scaling mixes pixels near the edge of the box with those outside
    assert max_value(ImageChops.difference(composited.crop(inner), expected.crop(inner))) <= 1
    if times == 1:
        assert composited.tobytes() == expected.tobytes()


@pytest.mark.parametrize("modes", [("L", "RGB"), ("RGB", "RGBA"), ("RGBA", "RGB"), ("RGB", "RGB")])
def test_compositing_in_many_strips_gives_the_same_pixels(modes, monkeypatch):
    original = inspect_image(encode_image(noise_image(modes[0], (70, 90), 1)))
    result, edit = noise_image(modes[1], (70, 90), 2), Image.new("L", (70, 90))
    ImageDraw.Draw(edit).ellipse((5, 8, 62, 80), fill=255)
    whole = composite(original, result, edit, feather=7)
    monkeypatch.setattr("retouch.imaging.masks.regions._MAX_BAND_PIXELS", 300)
    composited, count = composite(original, result, edit, feather=7)
    assert count == whole[1]
    assert composited.mode == whole[0].mode
    assert composited.tobytes() == whole[0].tobytes()


@pytest.mark.parametrize(
    ("size", "feather"),
    [((64, 64), 2), ((1024, 1024), 5), ((1536, 1024), 5), ((2160, 3840), 11), ((8000, 6000), 16)],
)
def test_default_feather_grows_with_image_size(size, feather):
    assert default_feather(size) == feather
