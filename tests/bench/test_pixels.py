import io

from PIL import Image, ImageChops

from bench.pixels import FLOOR, OURS, encoder_table, measured, pair, path_table, photo, said
from bench.progress import Progress

LEVEL = "compress level 1, compress type 3"


def test_both_sides_make_the_same_picture_but_for_the_rim() -> None:
    works = pair(128, "png")
    floor, ours = (Image.open(io.BytesIO(works[name]())) for name in (FLOOR, OURS))
    assert floor.size == ours.size == (128, 128)
    difference = ImageChops.difference(floor, ours)
    left, top, right, bottom = difference.getbbox() or (32, 32, 64, 64)
    assert (left, top) >= (32, 32)
    assert (right, bottom) <= (65, 65)
    assert difference.getpixel((48, 48)) == (0, 0, 0)


def test_the_photo_has_grain() -> None:
    row = photo(64).crop((0, 0, 64, 1)).convert("L").tobytes()
    assert len(set(row)) > 8


def test_sides_take_turns() -> None:
    order: list[str] = []
    found = measured({name: lambda name=name: order.append(name) for name in "ab"}, 2, Progress(3))
    assert "".join(order) == "baabba"
    assert [len(times) for times in found.values()] == [2, 2]


def test_the_ratio_is_that_of_the_turns() -> None:
    text = path_table({(64, "png"): {FLOOR: [10.0, 20.0, 10.0], OURS: [11.0, 22.0, 30.0]}})
    assert "| 64x64, PNG | 10 | 22 | 1.10 | ≤ 1.15 ✓ |" in text


def test_the_setting_in_use_is_bold() -> None:
    names = [("PNG", LEVEL), ("PNG", said({"compress_level": 9}))]
    text = encoder_table({name: [5.0] for name in names}, {name: 2000 for name in names})
    assert f"| **PNG, {LEVEL}** | 5 | 2 |" in text
    assert "| PNG, compress level 9 | 5 | 2 |" in text
