"""Draw holes for pictures: thin ones as text, scratches, wires and spots leave them, and large ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from retouch.core.geometry import Size


def draw_hole(name: str, size: Size) -> Image.Image:
    """Return the hole of that name as an "L" mask: 255 in the hole, 0 elsewhere."""
    mask = Image.new("L", size)
    HOLES[name](random.Random(name), mask)
    return mask.point(lambda value: 255 if value >= 128 else 0)


def _draw_text(source: random.Random, mask: Image.Image) -> None:
    """Draw lines of letters with strokes of 3 to 4 pixels."""
    font = ImageFont.load_default(mask.height // 11)
    draw = ImageDraw.Draw(mask)
    for row, line in enumerate(("Sample photo 2024", "not for resale", "© The Studio")):
        x = round(mask.width * source.uniform(0.02, 0.2))
        draw.text((x, mask.height * (0.1 + 0.3 * row)), line, 255, font, stroke_width=1)


def _draw_scratches(source: random.Random, mask: Image.Image) -> None:
    """Draw jagged lines of 1 to 4 pixels."""
    draw = ImageDraw.Draw(mask)
    for _ in range(14):
        x, y = source.uniform(0, mask.width), source.uniform(0, mask.height)
        dx, dy = source.uniform(-14, 14), source.uniform(-14, 14)
        points = [(x, y)]
        for _ in range(12):
            x, y = x + dx + source.uniform(-4, 4), y + dy + source.uniform(-4, 4)
            points.append((x, y))
        draw.line(points, 255, source.randint(1, 4))


def _draw_wires(source: random.Random, mask: Image.Image) -> None:
    """Draw sagging lines of 3 to 6 pixels from edge to edge."""
    draw = ImageDraw.Draw(mask)
    for _ in range(5):
        left, right = (source.uniform(0.05, 0.9) * mask.height for _ in "12")
        sag = source.uniform(0.02, 0.12) * mask.height
        points = [
            (mask.width * t / 40, left + (right - left) * t / 40 + sag * (1 - (t / 20 - 1) ** 2))
            for t in range(41)
        ]
        width = source.randint(3, 6)
        for start, end in pairwise(points):
            draw.line((start, end), 255, width)


def _draw_spots(source: random.Random, mask: Image.Image) -> None:
    """Draw discs of 4 to 14 pixels."""
    draw = ImageDraw.Draw(mask)
    for _ in range(60):
        x, y, reach = (
            source.randrange(mask.width),
            source.randrange(mask.height),
            source.uniform(2, 7),
        )
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)


def _draw_large(source: random.Random, mask: Image.Image) -> None:
    """Draw an ellipse and a polygon, each about a quarter as wide as the picture."""
    draw = ImageDraw.Draw(mask)
    width, height = mask.size
    top = source.uniform(0.2, 0.3) * height
    draw.ellipse((0.1 * width, top, 0.36 * width, top + 0.36 * height), fill=255)
    corners = ((0.6, 0.35), (0.75, 0.28), (0.86, 0.5), (0.8, 0.74), (0.64, 0.7))
    draw.polygon([(x * width, y * height) for x, y in corners], fill=255)


HOLES: Mapping[str, Callable[[random.Random, Image.Image], None]] = {
    "text": _draw_text,
    "scratches": _draw_scratches,
    "wires": _draw_wires,
    "spots": _draw_spots,
    "large": _draw_large,
}
