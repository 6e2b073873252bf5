"""Paints the sample photo and its mask: a ball on a beach, made of arithmetic and always the same.

    python -m tools.samples

writes events/photo.png and events/mask.png, which the quickstart and the sample events use.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIDE = 768
HORIZON = 300
SHORE = 430  # where the sea meets the sand, on average
BALL = (452, 560, 88)  # centre x, centre y, radius
EVENTS = Path(__file__).resolve().parent.parent / "events"
_RED, _CREAM, _BLUE = (214, 66, 52), (246, 240, 226), (42, 116, 176)
_WEDGES = (_RED, _CREAM, _BLUE, _CREAM, (240, 178, 50), _CREAM)
_LIGHT = (-0.48, -0.66, 0.58)  # towards the sun: left, up, to the viewer

Colour = tuple[int, int, int]


def main() -> None:
    """Write both files."""
    EVENTS.mkdir(exist_ok=True)
    photo().save(EVENTS / "photo.png", compress_level=9)
    mask().save(EVENTS / "mask.png", compress_level=9)


def photo() -> Image.Image:
    """The beach with the ball, RGB."""
    image = Image.new("RGB", (SIDE, SIDE))
    image.paste(sky(), (0, 0))
    image.paste(sea(), (0, HORIZON))
    image = shore(image)
    return with_ball(image)


def mask() -> Image.Image:
    """OpenAI's kind of mask: RGBA, transparent over the ball and its shadow, a little generously."""
    x, y, r = BALL
    marked = Image.new("L", (SIDE, SIDE), 255)
    pen = ImageDraw.Draw(marked)
    pen.ellipse((x - r - 12, y - r - 12, x + r + 12, y + r + 12), fill=0)
    pen.ellipse((x - 92, y + 36, x + 236, y + 128), fill=0)
    black = Image.new("L", (SIDE, SIDE))
    return Image.merge("RGBA", (black, black, black, marked))


def sky() -> Image.Image:
    """From a deep blue to a bright haze, with thin clouds that flatten towards the horizon."""
    air = gradient((SIDE, HORIZON), ((84, 146, 206), (150, 194, 228), (214, 230, 238)))
    cloud = fractal((SIDE, HORIZON), (96, 44), seed=11, octaves=5).point(lambda v: (v - 118) * 2.6)
    cloud = cloud.filter(ImageFilter.GaussianBlur(1.2))
    fade = gradient((SIDE, HORIZON), ((150, 150, 150), (210, 210, 210), (40, 40, 40))).convert("L")
    veil = ImageChops.multiply(cloud, fade)
    return Image.composite(Image.new("RGB", air.size, (250, 250, 250)), air, veil)


def sea() -> Image.Image:
    """Darker at the horizon, turquoise at the shore, with waves that grow as they come."""
    size = (SIDE, SIDE - HORIZON)
    water = gradient(size, ((52, 118, 158), (70, 152, 176), (128, 196, 198), (150, 206, 202)))
    near = fractal(size, (150, 14), seed=21, octaves=4)
    far = fractal(size, (70, 4), seed=22, octaves=3)
    ramp = Image.linear_gradient("L").resize(size)
    waves = Image.composite(near, far, ramp)
    return relief(water, waves, strength=0.22)


def shore(image: Image.Image) -> Image.Image:
    """Lays the sand over the sea, with a dark wet band and a line of foam where they meet."""
    edge = [_edge(x) for x in range(SIDE)]
    image = Image.composite(foam_colour(), image, band(edge, -16, 5, 5))
    image = Image.composite(wet(), image, band(edge, 4, SIDE, 2))
    image = Image.composite(sand(), image, band(edge, 58, SIDE, 22))
    lace = ImageChops.multiply(band(edge, -3, 7, 1.6), fractal((SIDE, SIDE), (26, 8), 31, 3))
    return Image.composite(foam_colour(), image, lace.point(lambda v: min(255, v * 1.7)))


def _edge(x: int) -> float:
    """The height of the shore line at x."""
    slope = 22 * (x / SIDE - 0.5)
    return SHORE + slope + 7 * math.sin(x / 83) + 3 * math.sin(x / 31 + 1) + 1.5 * math.sin(x / 13)


def band(edge: list[float], above: float, below: float, soft: float) -> Image.Image:
    """An "L" mask of what lies between two distances from the shore line, in pixels."""
    marked = Image.new("L", (SIDE, SIDE))
    top = [(x, y + above) for x, y in enumerate(edge)]
    bottom = [(x, min(y + below, SIDE + 99)) for x, y in enumerate(edge)]
    ImageDraw.Draw(marked).polygon([*top, *reversed(bottom)], fill=255)
    return marked.filter(ImageFilter.GaussianBlur(soft))


def foam_colour() -> Image.Image:
    """White with a hint of the sky."""
    return Image.new("RGB", (SIDE, SIDE), (240, 246, 244))


def wet() -> Image.Image:
    """Wet sand: dark, smooth, a little sky in it."""
    return relief(
        Image.new("RGB", (SIDE, SIDE), (160, 140, 112)),
        fractal((SIDE, SIDE), (120, 16), 41, 3),
        0.1,
    )


def sand() -> Image.Image:
    """Dry sand: warm, with shallow dunes and a fine grain."""
    ground = gradient((SIDE, SIDE), ((226, 204, 164), (226, 204, 164), (214, 188, 146)))
    dunes = relief(ground, fractal((SIDE, SIDE), (170, 42), 51, 4), 0.16)
    return relief(dunes, fractal((SIDE, SIDE), (3, 3), 52, 1), 0.07)


def gradient(size: tuple[int, int], stops: tuple[Colour, ...]) -> Image.Image:
    """Evenly spaced colours from top to bottom."""
    column = Image.new("RGB", (1, len(stops)))
    column.putdata(stops)
    half = 0.5
    box = (0, half, 1, len(stops) - half)
    return column.resize(size, Image.Resampling.BILINEAR, box=box)


def fractal(size: tuple[int, int], cell: tuple[int, int], seed: int, octaves: int) -> Image.Image:
    """Smooth noise around 128, "L": octave after octave at half the size and half the strength."""
    total = Image.new("L", size, 128)
    for octave in range(octaves):
        layer = _noise(size, (max(1, cell[0] >> octave), max(1, cell[1] >> octave)), seed + octave)
        strength = 0.5**octave
        layer = layer.point(lambda v, s=strength: 128 + (v - 128) * s)
        total = ImageChops.add(total, layer, 1, -128)
    return total


def _noise(size: tuple[int, int], cell: tuple[int, int], seed: int) -> Image.Image:
    width, height = size[0] // cell[0] + 4, size[1] // cell[1] + 4
    source = random.Random(seed)  # noqa: S311 - it paints clouds
    rough = Image.frombytes("L", (width, height), source.randbytes(width * height))
    box = (1, 1, 1 + size[0] / cell[0], 1 + size[1] / cell[1])
    return rough.resize(size, Image.Resampling.BICUBIC, box=box)


def relief(image: Image.Image, height: Image.Image, strength: float) -> Image.Image:
    """Lighter where `height` is over 128 and darker where it is under, by `strength`."""
    shade = height.point(lambda v: 128 + (v - 128) * strength)
    return ImageChops.add(image, Image.merge("RGB", (shade,) * 3), 1, -128)


def with_ball(image: Image.Image) -> Image.Image:
    """Puts the ball and its shadow on the sand."""
    x, y, r = BALL
    shadow = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(shadow).ellipse((x - 46, y + 52, x + 202, y + 108), fill=150)
    shadow = shadow.filter(ImageFilter.GaussianBlur(11))
    contact = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(contact).ellipse((x - 50, y + 66, x + 70, y + 98), fill=150)
    shadow = ImageChops.lighter(shadow, contact.filter(ImageFilter.GaussianBlur(6)))
    image = Image.composite(Image.new("RGB", image.size, (92, 76, 66)), image, shadow)
    painted = ball(2 * r * 2).resize((2 * r, 2 * r), Image.Resampling.LANCZOS)
    image.paste(painted, (x - r, y - r), painted)
    return image


def ball(side: int) -> Image.Image:
    """A beach ball of `side` pixels on nothing, RGBA."""
    image = Image.new("RGBA", (side, side))
    half = side / 2
    pixels = image.load()
    assert pixels is not None
    for row in range(side):
        for column in range(side):
            x, y = (column + 0.5 - half) / half, (row + 0.5 - half) / half
            if x * x + y * y < 1:
                pixels[column, row] = (*_lit(x, y, math.sqrt(1 - x * x - y * y)), 255)
    return image


def _lit(x: float, y: float, z: float) -> Colour:
    """The ball's colour where its surface points to (x, y, z)."""
    facing = x * _LIGHT[0] + y * _LIGHT[1] + z * _LIGHT[2]
    shade = 0.42 + 0.62 * max(0.0, facing) + 0.1 * max(0.0, y)
    shine = max(0.0, 2 * facing * z - _LIGHT[2]) ** 24 * 150
    red, green, blue = (min(255, round(level * shade + shine)) for level in _wedge(x, y, z))
    return red, green, blue


def _wedge(x: float, y: float, z: float) -> Colour:
    """Wedges around an axis that is tilted towards the viewer; a cap on the pole."""
    across = 0.88 * x - 0.34 * y + 0.33 * z
    along = 0.25 * x + 0.9 * y + 0.36 * z
    pole = -0.42 * x - 0.24 * y + 0.87 * z
    if pole > 0.975:
        return _CREAM
    turn = (math.atan2(along, across) / math.tau + 1) % 1
    return _WEDGES[int(turn * len(_WEDGES)) % len(_WEDGES)]


if __name__ == "__main__":
    main()
