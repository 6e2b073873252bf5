"""The sample photo and mask, and what erasing makes of them."""

from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from retouch.pixels.convert import decode
from retouch.pixels.erase import erase
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from tools import samples

EVENTS = Path(__file__).parents[3] / "events"
PHOTO = EVENTS / "photo.png"
MASK = EVENTS / "mask.png"


def read():
    picture = inspect(PHOTO.read_bytes())
    return decode(picture), read_mask(MASK.read_bytes(), picture)


def test_they_are_what_the_tool_paints(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "EVENTS", tmp_path)
    samples.main()
    for file in (PHOTO, MASK):
        assert (
            decode((tmp_path / file.name).read_bytes()).tobytes()
            == decode(file.read_bytes()).tobytes()
        )


def test_they_are_small_and_fit_each_other():
    assert PHOTO.stat().st_size < 600_000
    assert MASK.stat().st_size < 20_000
    image, mask = read()
    assert (image.mode, image.size) == ("RGB", mask.edit.size)
    assert 0.05 < mask.coverage < 0.25
    assert not mask.soft


def test_the_mask_covers_the_ball():
    image, mask = read()
    kept = mask.edit.point(lambda v: 255 - v)
    assert vivid(image, mask.edit) > 5000
    assert vivid(image, kept) == 0


def test_without_the_ball_there_is_sand():
    image, mask = read()
    result = erase(image, mask.edit)
    assert vivid(result, mask.edit) == 0
    around = Image.new("L", image.size)
    around.paste(255, (0, 480, 300, 690))
    found, sand = (ImageStat.Stat(result, where) for where in (mask.edit, around))
    assert all(abs(a - b) < 20 for a, b in zip(found.mean, sand.mean, strict=True))
    assert all(0.5 < a / b < 2 for a, b in zip(found.stddev, sand.stddev, strict=True))


def vivid(image, where):
    """Pixels that are redder than any sand."""
    red, green, _ = image.split()
    return sum(ImageChops.subtract(red, green).histogram(where)[60:])
