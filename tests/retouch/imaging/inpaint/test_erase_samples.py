"""Tests of the sample photo and mask, and of erasing the marked object."""

from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageStat

from retouch.imaging.codec import decode
from retouch.imaging.inpaint.erase import erase_area
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tools import samples

REPOSITORY = Path(__file__).parents[4]
EVENTS = REPOSITORY / "events"
PHOTO = EVENTS / "photo.png"
MASK = EVENTS / "mask.png"


def read_samples():
    encoded_image = inspect_image(PHOTO.read_bytes())
    return decode(encoded_image), read_mask(MASK.read_bytes(), encoded_image)


def test_sample_files_equal_output_of_samples_tool(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "EVENTS_FOLDER", tmp_path)
    samples.main()
    for file in (PHOTO, MASK):
        assert (
            decode((tmp_path / file.name).read_bytes()).tobytes()
            == decode(file.read_bytes()).tobytes()
        )


def test_sample_files_are_small_and_have_the_same_size():
    assert PHOTO.stat().st_size < 600_000
    assert MASK.stat().st_size < 20_000
    image, mask = read_samples()
    assert (image.mode, image.size) == ("RGB", mask.pixels.size)
    assert 0.05 < mask.coverage < 0.25
    assert not mask.has_soft_edges


def test_sample_mask_covers_the_red_ball():
    image, mask = read_samples()
    outside = mask.pixels.point(lambda v: 255 - v)
    assert count_red_pixels(image, mask.pixels) > 5000
    assert count_red_pixels(image, outside) == 0


def test_erased_ball_is_filled_with_sand():
    image, mask = read_samples()
    result = erase_area(image, mask.pixels)
    assert count_red_pixels(result, mask.pixels) == 0
    around = Image.new("L", image.size)
    around.paste(255, (0, 480, 300, 690))
    erased, sand = (ImageStat.Stat(result, area) for area in (mask.pixels, around))
    assert all(abs(a - b) < 20 for a, b in zip(erased.mean, sand.mean, strict=True))
    assert all(0.5 < a / b < 2 for a, b in zip(erased.stddev, sand.stddev, strict=True))


def test_erased_ball_looks_like_the_picture_in_the_readme():
    image, mask = read_samples()
    picture = decode((REPOSITORY / "docs" / "edited.png").read_bytes())
    assert erase_area(image, mask.pixels).tobytes() == picture.convert("RGB").tobytes()


def test_erased_ball_has_no_fleck():
    """No filled pixel is much brighter or darker than the sand close to it, as measured around the ball."""
    image, mask = read_samples()
    result, sand = erase_area(image, mask.pixels), Image.new("L", image.size)
    sand.paste(255, (0, 480, 300, 690))
    erased, around = (
        ImageStat.Stat(
            ImageChops.difference(result, result.filter(ImageFilter.BoxBlur(8))), area
        ).extrema
        for area in (mask.pixels, sand)
    )
    assert all(a <= b + 4 for (_, a), (_, b) in zip(erased, around, strict=True))


def count_red_pixels(image, area):
    """Return the number of pixels that are redder than any sand."""
    red, green, _ = image.split()
    return sum(ImageChops.subtract(red, green).histogram(area)[60:])
