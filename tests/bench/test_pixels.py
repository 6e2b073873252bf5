import io
from functools import partial
from typing import cast

from PIL import Image, ImageChops

from bench.pixels import (
    OWN_PNG,
    PILLOW,
    RETOUCH,
    build_comparison,
    comparison_table,
    encoder_table,
    measure,
    options_text,
)
from bench.progress import Progress


def test_pillow_and_retouch_produce_the_same_pixels_inside_the_mask() -> None:
    operations = build_comparison(128, "png")
    pillow, retouch = (
        Image.open(io.BytesIO(cast("bytes", operations[name]()))) for name in (PILLOW, RETOUCH)
    )
    assert pillow.size == retouch.size == (128, 128)
    difference = ImageChops.difference(pillow, retouch)
    left, top, right, bottom = difference.getbbox() or (32, 32, 64, 64)
    assert (left, top) >= (32, 32)
    assert (right, bottom) <= (65, 65)
    assert difference.getpixel((48, 48)) == (0, 0, 0)


def test_pixels_measure_alternates_which_operation_runs_first() -> None:
    order: list[str] = []
    milliseconds = measure({name: partial(order.append, name) for name in "ab"}, 2, Progress(3))
    assert "".join(order) == "baabba"
    assert [len(times) for times in milliseconds.values()] == [2, 2]


def test_comparison_table_shows_the_median_of_the_ratios_of_each_turn() -> None:
    text = comparison_table(
        {(64, "png"): {PILLOW: [10.0, 20.0, 10.0], RETOUCH: [11.0, 22.0, 30.0]}}
    )
    assert "| 64x64, PNG | 10 | 22 | 1.10 | ≤ 1.15 ✓ |" in text


def test_encoder_table_marks_the_used_options_bold() -> None:
    names = [OWN_PNG, ("png", options_text({"compress_level": 9}))]
    text = encoder_table({name: [5.0] for name in names}, {name: 2000 for name in names})
    assert f"| **PNG, {OWN_PNG[1]}** | 5 | 2 |" in text
    assert "| PNG, compress level 9 | 5 | 2 |" in text
