"""Random images and masks for property tests. The noise comes from a seed, which is fast."""

import random

from hypothesis import strategies as st
from PIL import Image, ImageFilter

from retouch.core.edit_types import Mask, MaskEdge

BANDS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
sizes = st.tuples(st.integers(1, 48), st.integers(1, 48))
seeds = st.integers(0, 2**32)


def noise_image(mode, size, seed):
    count = size[0] * size[1] * BANDS[mode]
    return Image.frombytes(mode, size, random.Random(seed).randbytes(count))


@st.composite
def images(draw, modes=tuple(BANDS), size=None):
    return noise_image(draw(st.sampled_from(modes)), size or draw(sizes), draw(seeds))


@st.composite
def mask_areas(draw, size=None, kinds=("hard", "soft", "noise", "boxes")):
    """Draw an "L" image of specks, blurred specks, greys or boxes. It is never empty."""
    size = size or draw(sizes)
    kind = draw(st.sampled_from(kinds))
    area = noise_image("L", size, draw(seeds))
    if kind in ("hard", "soft"):
        area = area.filter(ImageFilter.BoxBlur(draw(st.integers(0, 3))))
        level = draw(st.integers(90, 160))
        area = area.point(lambda v: 255 if v > level else 0)
    if kind == "soft":
        area = area.filter(ImageFilter.BoxBlur(draw(st.integers(1, 3))))
    if kind == "boxes":
        area = Image.new("L", size)
        for _ in range(draw(st.integers(1, 3))):
            left, top = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
            right = draw(st.integers(left + 1, size[0]))
            area.paste(255, (left, top, right, draw(st.integers(top + 1, size[1]))))
    area.putpixel((draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))), 255)
    return area


def build_mask(area):
    counts = area.histogram()
    edge: MaskEdge = "soft" if any(counts[1:255]) else "hard"
    return Mask(area, sum(counts[128:]) / sum(counts), edge)
