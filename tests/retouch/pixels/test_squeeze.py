import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.pixels.convert import decode
from retouch.pixels.inspect import inspect
from retouch.pixels.squeeze import packed_png, smaller_png
from tests.retouch.pixels import profiles
from tests.retouch.pixels.samples import KINDS, content, exif, sample
from tests.retouch.pixels.strategies import pictures
from tests.support.pictures import encoded, opened


def few(mode, colours=30):
    return content((64, 64)).quantize(colours).convert(mode)


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (content((64, 64)), "RGBA"),
        (content((64, 64)).convert("RGB"), "RGB"),
        (content((64, 64)).convert("RGB").convert("RGBA"), "RGB"),
        (content((64, 64)).convert("L").convert("RGBA"), "L"),
        (few("RGB"), "P"),
        (few("RGBA"), "P"),
        (content((64, 64)).convert("1").convert("RGB"), "P"),
    ],
)
def test_every_pixel_is_the_same_in_fewer_bytes(image, mode):
    picture = inspect(encoded(image, compress_level=0))
    found = smaller_png(picture, len(picture.data))
    assert len(found.data) < len(picture.data)
    again = opened(found.data)
    assert (again.mode, again.convert("RGBA").tobytes()) == (mode, image.convert("RGBA").tobytes())


def test_one_band_that_differs_is_colour():
    grey = content((64, 64)).convert("L")
    for odd in range(3):
        bands = [grey, grey, grey]
        bands[odd] = grey.point(lambda v: v ^ 1)
        image = Image.merge("RGB", bands)
        data = encoded(image, compress_level=0)
        found = opened(smaller_png(inspect(data), len(data)).data)
        assert found.convert("RGB").tobytes() == image.tobytes()


@settings(max_examples=60, deadline=None)
@given(pictures(), st.integers(1, 12_000))
def test_it_is_small_enough_and_lossless_or_nothing(image, most):
    picture = inspect(encoded(image, compress_level=0))
    found = smaller_png(picture, most)
    if found is not None:
        assert len(found.data) < most
        assert opened(found.data).convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
    else:
        assert len(picture.data) >= most


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_becomes_a_png(kind):
    found = smaller_png(inspect(sample(kind)), 50_000)
    assert found.format == "png"
    assert decode(found).convert("RGBA").tobytes() == decode(sample(kind)).convert("RGBA").tobytes()


def test_a_small_png_is_returned_itself_and_the_limit_is_not_reached():
    picture = inspect(sample("png"))
    assert smaller_png(picture, len(picture.data) + 1) is picture
    assert smaller_png(picture, len(picture.data)) is not picture
    assert smaller_png(picture, 100) is None


def test_a_turned_picture_becomes_upright():
    picture = inspect(encoded(content(), exif=exif(6)))
    found = smaller_png(picture, 100_000)
    assert (found.size, found.rotated) == ((30, 45), False)


def test_a_profile_stays_with_colours():
    image = content((64, 64)).convert("L").convert("RGB")
    data = encoded(image, icc_profile=profiles.rgb(), compress_level=0)
    found = opened(smaller_png(inspect(data), len(data)).data)
    assert found.info["icc_profile"] == profiles.rgb()
    assert found.mode == "P"  # colours, though all of them are greys


def test_harder_tries_are_made_where_they_are_needed():
    image = Image.radial_gradient("L").convert("RGB")
    picture = inspect(encoded(image, compress_level=0))
    easy = len(smaller_png(picture, len(picture.data)).data)
    assert len(smaller_png(picture, easy).data) < easy


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_packing_keeps_the_mode(mode):
    picture = inspect(encoded(Image.new(mode, (300, 200)), compress_level=0))
    packed = packed_png(picture, 2000)
    assert opened(packed.data).mode == mode
    assert opened(packed.data).tobytes() == opened(picture.data).tobytes()
    assert packed_png(picture, 50) is None
