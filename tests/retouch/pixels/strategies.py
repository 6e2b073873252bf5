"""Random pictures and masks for property tests: noise is made from a seed, which is quick."""

import random

from hypothesis import strategies as st
from PIL import Image, ImageFilter

from retouch.messages import Mask

BANDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
sizes = st.tuples(st.integers(1, 48), st.integers(1, 48))
seeds = st.integers(0, 2**32)


def noise(mode, size, seed):
    count = size[0] * size[1] * BANDS[mode]
    return Image.frombytes(mode, size, random.Random(seed).randbytes(count))


@st.composite
def pictures(draw, modes=tuple(BANDS), size=None):
    return noise(draw(st.sampled_from(modes)), size or draw(sizes), draw(seeds))


@st.composite
def edits(draw, size=None, kinds=("hard", "soft", "noise", "boxes")):
    """An "L" image: specks, blurred specks, greys, or boxes; never empty."""
    size = size or draw(sizes)
    kind = draw(st.sampled_from(kinds))
    edit = noise("L", size, draw(seeds))
    if kind in ("hard", "soft"):
        edit = edit.filter(ImageFilter.BoxBlur(draw(st.integers(0, 3))))
        level = draw(st.integers(90, 160))
        edit = edit.point(lambda v: 255 if v > level else 0)
    if kind == "soft":
        edit = edit.filter(ImageFilter.BoxBlur(draw(st.integers(1, 3))))
    if kind == "boxes":
        edit = Image.new("L", size)
        for _ in range(draw(st.integers(1, 3))):
            left, top = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
            right = draw(st.integers(left + 1, size[0]))
            edit.paste(255, (left, top, right, draw(st.integers(top + 1, size[1]))))
    edit.putpixel((draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))), 255)
    return edit


def mask(edit):
    counts = edit.histogram()
    return Mask(edit, sum(counts[128:]) / sum(counts), any(counts[1:255]))
