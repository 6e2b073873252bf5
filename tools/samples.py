"""Draw the sample photo and its mask: a ball on a beach. The output is computed and always the same.

    python -m tools.samples

writes events/photo.png and events/mask.png. The quickstart and the sample events use them.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

IMAGE_SIDE = 768
HORIZON_Y = 300
SHORE_Y = 430  # The average y at which the sea meets the sand.
BALL = (452, 560, 88)  # Centre x, centre y, radius.
EVENTS_FOLDER = Path(__file__).resolve().parent.parent / "events"
_RED, _CREAM, _BLUE = (214, 66, 52), (246, 240, 226), (42, 116, 176)
_WEDGE_COLOURS = (_RED, _CREAM, _BLUE, _CREAM, (240, 178, 50), _CREAM)
_LIGHT_DIRECTION = (-0.48, -0.66, 0.58)  # Direction of the sun: left, up, towards the viewer.

Colour = tuple[int, int, int]


def main() -> None:
    """Write the photo and the mask."""
    EVENTS_FOLDER.mkdir(exist_ok=True)
    draw_photo().save(EVENTS_FOLDER / "photo.png", compress_level=9)
    draw_mask().save(EVENTS_FOLDER / "mask.png", compress_level=9)


def draw_photo() -> Image.Image:
    """Return the beach with the ball, as RGB."""
    image = Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE))
    image.paste(draw_sky(), (0, 0))
    image.paste(draw_sea(), (0, HORIZON_Y))
    image = add_shore(image)
    return add_ball(image)


def draw_mask() -> Image.Image:
    """Return a mask in OpenAI's format: RGBA, transparent over the ball, its shadow and a small margin."""
    x, y, r = BALL
    marked = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE), 255)
    pen = ImageDraw.Draw(marked)
    pen.ellipse((x - r - 12, y - r - 12, x + r + 12, y + r + 12), fill=0)
    pen.ellipse((x - 92, y + 36, x + 236, y + 128), fill=0)
    black = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE))
    return Image.merge("RGBA", (black, black, black, marked))


def draw_sky() -> Image.Image:
    """Return a sky from deep blue to bright haze, with thin clouds that fade towards the horizon."""
    air = vertical_gradient(
        (IMAGE_SIDE, HORIZON_Y), ((84, 146, 206), (150, 194, 228), (214, 230, 238))
    )
    cloud = fractal_noise((IMAGE_SIDE, HORIZON_Y), (96, 44), seed=11, octaves=5).point(
        lambda v: (v - 118) * 2.6
    )
    cloud = cloud.filter(ImageFilter.GaussianBlur(1.2))
    fade = vertical_gradient(
        (IMAGE_SIDE, HORIZON_Y), ((150, 150, 150), (210, 210, 210), (40, 40, 40))
    ).convert("L")
    cloud_mask = ImageChops.multiply(cloud, fade)
    return Image.composite(Image.new("RGB", air.size, (250, 250, 250)), air, cloud_mask)


def draw_sea() -> Image.Image:
    """Return a sea that is darker at the horizon and turquoise at the shore, with waves that grow towards it."""
    size = (IMAGE_SIDE, IMAGE_SIDE - HORIZON_Y)
    water = vertical_gradient(
        size, ((52, 118, 158), (70, 152, 176), (128, 196, 198), (150, 206, 202))
    )
    near = fractal_noise(size, (150, 14), seed=21, octaves=4)
    far = fractal_noise(size, (70, 4), seed=22, octaves=3)
    ramp = Image.linear_gradient("L").resize(size)
    waves = Image.composite(near, far, ramp)
    return add_relief(water, waves, strength=0.22)


def add_shore(image: Image.Image) -> Image.Image:
    """Draw the sand over the sea, with a dark wet band and a line of foam between them."""
    edge = [_shore_y(x) for x in range(IMAGE_SIDE)]
    image = Image.composite(foam_layer(), image, band_mask(edge, -16, 5, 5))
    image = Image.composite(wet_sand_layer(), image, band_mask(edge, 4, IMAGE_SIDE, 2))
    image = Image.composite(sand_layer(), image, band_mask(edge, 58, IMAGE_SIDE, 22))
    foam_line = ImageChops.multiply(
        band_mask(edge, -3, 7, 1.6), fractal_noise((IMAGE_SIDE, IMAGE_SIDE), (26, 8), 31, 3)
    )
    return Image.composite(foam_layer(), image, foam_line.point(lambda v: min(255, v * 1.7)))


def _shore_y(x: int) -> float:
    """Return the y of the shore line at x."""
    slope = 22 * (x / IMAGE_SIDE - 0.5)
    return (
        SHORE_Y + slope + 7 * math.sin(x / 83) + 3 * math.sin(x / 31 + 1) + 1.5 * math.sin(x / 13)
    )


def band_mask(edge: list[float], above: float, below: float, soft: float) -> Image.Image:
    """Return an "L" mask of the band between two distances from the shore line, in pixels."""
    marked = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE))
    top = [(x, y + above) for x, y in enumerate(edge)]
    bottom = [(x, min(y + below, IMAGE_SIDE + 99)) for x, y in enumerate(edge)]
    ImageDraw.Draw(marked).polygon([*top, *reversed(bottom)], fill=255)
    return marked.filter(ImageFilter.GaussianBlur(soft))


def foam_layer() -> Image.Image:
    """Return a layer of foam colour: white with a slight sky tint."""
    return Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), (240, 246, 244))


def wet_sand_layer() -> Image.Image:
    """Return a layer of wet sand: dark and smooth, with a slight sky tint."""
    return add_relief(
        Image.new("RGB", (IMAGE_SIDE, IMAGE_SIDE), (160, 140, 112)),
        fractal_noise((IMAGE_SIDE, IMAGE_SIDE), (120, 16), 41, 3),
        0.1,
    )


def sand_layer() -> Image.Image:
    """Return a layer of dry sand: warm, with shallow dunes and a fine grain."""
    ground = vertical_gradient(
        (IMAGE_SIDE, IMAGE_SIDE), ((226, 204, 164), (226, 204, 164), (214, 188, 146))
    )
    dunes = add_relief(ground, fractal_noise((IMAGE_SIDE, IMAGE_SIDE), (170, 42), 51, 4), 0.16)
    return add_relief(dunes, fractal_noise((IMAGE_SIDE, IMAGE_SIDE), (3, 3), 52, 1), 0.07)


def vertical_gradient(size: tuple[int, int], stops: tuple[Colour, ...]) -> Image.Image:
    """Return a vertical gradient through evenly spaced colours."""
    column = Image.new("RGB", (1, len(stops)))
    column.putdata(stops)
    half = 0.5
    box = (0, half, 1, len(stops) - half)
    return column.resize(size, Image.Resampling.BILINEAR, box=box)


def fractal_noise(
    size: tuple[int, int], cell: tuple[int, int], seed: int, octaves: int
) -> Image.Image:
    """Return smooth "L" noise around 128. Each octave has half the size and half the strength of the previous one."""
    total = Image.new("L", size, 128)
    for octave in range(octaves):
        layer = _smooth_noise(
            size, (max(1, cell[0] >> octave), max(1, cell[1] >> octave)), seed + octave
        )
        strength = 0.5**octave
        layer = layer.point(lambda v, s=strength: 128 + (v - 128) * s)
        total = ImageChops.add(total, layer, 1, -128)
    return total


def _smooth_noise(size: tuple[int, int], cell: tuple[int, int], seed: int) -> Image.Image:
    width, height = size[0] // cell[0] + 4, size[1] // cell[1] + 4
    source = random.Random(seed)  # noqa: S311 - not security related
    rough = Image.frombytes("L", (width, height), source.randbytes(width * height))
    box = (1, 1, 1 + size[0] / cell[0], 1 + size[1] / cell[1])
    return rough.resize(size, Image.Resampling.BICUBIC, box=box)


def add_relief(image: Image.Image, height: Image.Image, strength: float) -> Image.Image:
    """Return the image lighter where `height` is above 128 and darker where it is below, scaled by `strength`."""
    shade = height.point(lambda v: 128 + (v - 128) * strength)
    return ImageChops.add(image, Image.merge("RGB", (shade,) * 3), 1, -128)


def add_ball(image: Image.Image) -> Image.Image:
    """Draw the ball and its shadow on the sand."""
    x, y, r = BALL
    shadow = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE))
    ImageDraw.Draw(shadow).ellipse((x - 46, y + 52, x + 202, y + 108), fill=150)
    shadow = shadow.filter(ImageFilter.GaussianBlur(11))
    contact = Image.new("L", (IMAGE_SIDE, IMAGE_SIDE))
    ImageDraw.Draw(contact).ellipse((x - 50, y + 66, x + 70, y + 98), fill=150)
    shadow = ImageChops.lighter(shadow, contact.filter(ImageFilter.GaussianBlur(6)))
    image = Image.composite(Image.new("RGB", image.size, (92, 76, 66)), image, shadow)
    painted = draw_ball(2 * r * 2).resize((2 * r, 2 * r), Image.Resampling.LANCZOS)
    image.paste(painted, (x - r, y - r), painted)
    return image


def draw_ball(side: int) -> Image.Image:
    """Return a beach ball of `side` pixels on a transparent background, as RGBA."""
    image = Image.new("RGBA", (side, side))
    half = side / 2
    pixels = image.load()
    assert pixels is not None
    for row in range(side):
        for column in range(side):
            x, y = (column + 0.5 - half) / half, (row + 0.5 - half) / half
            if x * x + y * y < 1:
                pixels[column, row] = (*_shaded_colour(x, y, math.sqrt(1 - x * x - y * y)), 255)
    return image


def _shaded_colour(x: float, y: float, z: float) -> Colour:
    """Return the shaded colour of the ball at the surface normal (x, y, z)."""
    facing = x * _LIGHT_DIRECTION[0] + y * _LIGHT_DIRECTION[1] + z * _LIGHT_DIRECTION[2]
    shade = 0.42 + 0.62 * max(0.0, facing) + 0.1 * max(0.0, y)
    shine = max(0.0, 2 * facing * z - _LIGHT_DIRECTION[2]) ** 24 * 150
    red, green, blue = (min(255, round(level * shade + shine)) for level in _wedge_colour(x, y, z))
    return red, green, blue


def _wedge_colour(x: float, y: float, z: float) -> Colour:
    """Return the unshaded colour at the normal: wedges around an axis tilted to the viewer, with a cap on the pole."""
    across = 0.88 * x - 0.34 * y + 0.33 * z
    along = 0.25 * x + 0.9 * y + 0.36 * z
    pole = -0.42 * x - 0.24 * y + 0.87 * z
    if pole > 0.975:
        return _CREAM
    turn = (math.atan2(along, across) / math.tau + 1) % 1
    return _WEDGE_COLOURS[int(turn * len(_WEDGE_COLOURS)) % len(_WEDGE_COLOURS)]


if __name__ == "__main__":
    main()
