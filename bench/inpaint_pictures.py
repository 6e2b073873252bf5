"""Draw pictures that look like photos, to compare ways to fill holes. The same call draws the same picture."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from math import pi, sin

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from retouch.core.geometry import Size

Colour = tuple[int, int, int]

_GRAIN_WEIGHT = 0.03  # share of the noise in a picture, similar to a camera's
_LENS_BLUR = ImageFilter.GaussianBlur(0.6)


def draw_picture(name: str, size: Size) -> Image.Image:
    """Return the picture of that name as "RGB", with the blur of a lens and the noise of a camera."""
    source = random.Random(name)
    picture = PICTURES[name](source, size).filter(_LENS_BLUR)
    grain = Image.merge("RGB", [_white_noise(source, size) for _ in range(3)])
    return Image.blend(picture, grain, _GRAIN_WEIGHT)


def _white_noise(source: random.Random, size: Size) -> Image.Image:
    return Image.frombytes("L", size, source.randbytes(size[0] * size[1]))


def _cloud_noise(source: random.Random, size: Size, cell: int, aspect: float = 1.0) -> Image.Image:
    """Return "L" noise with details from `cell` pixels down to 2. `aspect` stretches it across."""
    noise = Image.new("L", size, 128)
    weight = 1.0
    while cell >= 2:
        small = max(2, round(size[0] / cell / aspect)), max(2, size[1] // cell)
        layer = _white_noise(source, small).resize(size, Image.Resampling.BICUBIC)
        noise = Image.blend(noise, layer, weight / (1 + weight))
        weight, cell = weight / 1.6, cell // 2
    return noise


def _colour_between(position: Image.Image, dark: Colour, light: Colour) -> Image.Image:
    """Return "RGB" with `dark` where the "L" image is 0 and `light` where it is 255."""
    bands = [
        position.point([round(low + (high - low) * value / 255) for value in range(256)])
        for low, high in zip(dark, light, strict=True)
    ]
    return Image.merge("RGB", bands)


def _gradient(size: Size, angle: float = 0) -> Image.Image:
    """Return an "L" gradient from 0 at the top to 255 at the bottom, turned by `angle` degrees."""
    turned = Image.linear_gradient("L").rotate(angle, Image.Resampling.BICUBIC)
    return turned.resize(size, Image.Resampling.BICUBIC, box=(38, 38, 218, 218))


def _stretch_contrast(noise: Image.Image, low: int, high: int) -> Image.Image:
    return noise.point(
        [min(255, max(0, (value - low) * 255 // (high - low))) for value in range(256)]
    )


def _scale_colour(colour: Colour, by: float) -> Colour:
    red, green, blue = (min(255, round(level * by)) for level in colour)
    return red, green, blue


def _brighten(colour: Colour, by: int) -> Colour:
    red, green, blue = (min(255, level + by) for level in colour)
    return red, green, blue


def _jitter(source: random.Random, colour: Colour, by: int) -> Colour:
    """Return a colour near `colour`."""
    shift = source.randint(-by, by)
    red, green, blue = (min(255, max(0, c + shift + source.randint(-by, by) // 3)) for c in colour)
    return red, green, blue


def _draw_landscape(source: random.Random, size: Size) -> Image.Image:
    """Return a sky with clouds over hills."""
    width, height = size
    picture = _colour_between(_gradient(size), (70, 120, 200), (205, 220, 235))
    clouds = _stretch_contrast(_cloud_noise(source, size, height // 3, 2.0), 120, 190)
    picture.paste((245, 243, 240), mask=clouds)
    for row, colour in ((0.62, (90, 110, 130)), (0.72, (60, 90, 60)), (0.86, (95, 120, 50))):
        waves = [(source.uniform(1, 6), source.uniform(0, 6), source.uniform(4, 14)) for _ in "123"]
        line = [
            (x, row * height + sum(depth * sin(k * x / width * pi + at) for k, at, depth in waves))
            for x in range(width + 1)
        ]
        hill = Image.new("L", size)
        ImageDraw.Draw(hill).polygon([*line, (width, height), (0, height)], fill=255)
        ground = _cloud_noise(source, size, 12)
        picture.paste(
            _colour_between(ground, _jitter(source, colour, 9), _brighten(colour, 45)),
            mask=hill,
        )
    return picture


def _draw_foliage(source: random.Random, size: Size) -> Image.Image:
    """Return many leaves over each other; the upper ones are brighter."""
    picture = Image.new("RGB", size, (18, 30, 14))
    count = size[0] * size[1] // 90
    for index in range(count):
        length, wide = source.randint(10, 22), source.randint(4, 9)
        leaf = Image.new("L", (length, length))
        top = (length - wide) // 2
        ImageDraw.Draw(leaf).ellipse((0, top, length - 1, top + wide), fill=255)
        leaf = leaf.rotate(source.uniform(0, 180), Image.Resampling.BICUBIC)
        light = 0.35 + 0.65 * index / count
        base = source.choice(((70, 120, 40), (95, 140, 50), (50, 100, 45), (130, 150, 60)))
        colour = _jitter(source, _scale_colour(base, light), 14)
        at = source.randint(-10, size[0]), source.randint(-10, size[1])
        picture.paste(colour, at, leaf)
    return picture


def _draw_bricks(source: random.Random, size: Size) -> Image.Image:
    """Return a brick wall in slanted light."""
    picture = Image.new("RGB", size, (170, 160, 148))
    draw = ImageDraw.Draw(picture)
    wide, high, joint = 58, 22, 4
    for row in range(-1, size[1] // high + 1):
        for column in range(-1, size[0] // wide + 2):
            x = column * wide + (row % 2) * wide // 2 + source.randint(-1, 1)
            y = row * high + source.randint(0, 1)
            colour = _jitter(source, (150, 74, 56), 22)
            draw.rounded_rectangle((x, y, x + wide - joint, y + high - joint), 2, fill=colour)
    rough = _cloud_noise(source, size, 8)
    picture = Image.blend(picture, Image.merge("RGB", (rough,) * 3), 0.18)
    light = _gradient(size, 60).point(lambda value: 150 + value * 105 // 255)
    return ImageChops.multiply(picture, Image.merge("RGB", (light,) * 3))


def _draw_page(source: random.Random, size: Size) -> Image.Image:
    """Return printed text on paper."""
    words = ("light", "paper", "river", "morning", "garden", "window", "letter", "stone", "quiet")
    picture = _colour_between(_cloud_noise(source, size, 4), (226, 220, 206), (246, 241, 230))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(17)
    for y in range(14, size[1] - 12, 26):
        line = " ".join(source.choice(words) for _ in range(size[0] // 42))
        draw.text((12, y), line, (38, 36, 40), font)
    shade = _gradient(size, 30).point(lambda value: 205 + value * 50 // 255)
    return ImageChops.multiply(picture, Image.merge("RGB", (shade,) * 3))


def _draw_fabric(source: random.Random, size: Size) -> Image.Image:
    """Return a checked woven cloth with folds."""
    warp = bytes(round(128 + 60 * sin(x * 2 * pi / 5)) for x in range(size[0]))
    weft = bytes(round(128 + 60 * sin(y * 2 * pi / 5)) for y in range(size[1]))
    across = Image.frombytes("L", (size[0], 1), warp).resize(size, Image.Resampling.NEAREST)
    down = Image.frombytes("L", (1, size[1]), weft).resize(size, Image.Resampling.NEAREST)
    threads = _colour_between(Image.blend(across, down, 0.5), (110, 30, 40), (190, 60, 66))
    checks = Image.new("L", size)
    draw = ImageDraw.Draw(checks)
    for at in range(0, max(size), 64):
        draw.rectangle((at, 0, at + 14, size[1]), fill=110)
        draw.rectangle((0, at, size[0], at + 14), fill=110)
    threads.paste((235, 225, 205), mask=checks)
    folds = _cloud_noise(source, size, size[1] // 3, 0.5).filter(ImageFilter.GaussianBlur(9))
    light = _stretch_contrast(folds, 20, 230).point(lambda value: 120 + value * 135 // 255)
    return ImageChops.multiply(threads, Image.merge("RGB", (light,) * 3))


def _draw_skin(source: random.Random, size: Size) -> Image.Image:
    """Return soft shades of skin with fine pores and a few freckles."""
    width, height = size
    picture = _colour_between(_gradient(size, 70), (150, 96, 78), (236, 190, 166))
    for _ in range(7):
        spot = Image.new("L", size)
        x, y, reach = source.randrange(width), source.randrange(height), source.randint(40, 140)
        ImageDraw.Draw(spot).ellipse((x - reach, y - reach, x + reach, y + reach), fill=120)
        colour = source.choice(((206, 120, 104), (246, 214, 190), (120, 74, 62)))
        picture.paste(colour, mask=spot.filter(ImageFilter.GaussianBlur(reach / 2)))
    pores = Image.merge("RGB", (_cloud_noise(source, size, 6),) * 3)
    picture = Image.blend(picture, pores, 0.08)
    freckles = Image.new("L", size)
    draw = ImageDraw.Draw(freckles)
    for _ in range(60):
        at_x, at_y = source.uniform(0, width), source.uniform(0, height)
        radius = source.uniform(1, 3)
        draw.ellipse((at_x - radius, at_y - radius, at_x + radius, at_y + radius), fill=110)
    picture.paste((120, 70, 50), mask=freckles.filter(ImageFilter.GaussianBlur(1)))
    return picture


def _draw_facade(source: random.Random, size: Size) -> Image.Image:
    """Return a house with rows of windows, seen at an angle."""
    wide, high = 2 * size[0], 2 * size[1]
    wall = _colour_between(_cloud_noise(source, (wide, high), 10), (180, 166, 140), (214, 202, 176))
    draw = ImageDraw.Draw(wall)
    for y in range(20, high, 150):
        draw.rectangle((0, y - 16, wide, y - 8), fill=(130, 118, 100))
        for x in range(30, wide, 110):
            glass = _jitter(source, (70, 90, 112), 26)
            draw.rectangle((x, y, x + 64, y + 96), fill=(240, 236, 226))
            draw.rectangle((x + 6, y + 6, x + 58, y + 90), fill=glass)
            draw.rectangle((x + 30, y + 6, x + 33, y + 90), fill=(240, 236, 226))
            draw.rectangle((x - 4, y + 96, x + 68, y + 102), fill=(110, 100, 88))
    corners = (0, 0, 0.1 * wide, high, wide, 0.86 * high, 0.94 * wide, 0.1 * high)
    return wall.transform(
        size, Image.Transform.QUAD, tuple(map(round, corners)), Image.Resampling.BICUBIC
    )


def _draw_water(source: random.Random, size: Size) -> Image.Image:
    """Return ripples that become smaller towards the top."""
    picture = Image.new("RGB", size)
    bands = 6
    for band in range(bands):
        top, bottom = band * size[1] // bands, (band + 1) * size[1] // bands
        ripples = _cloud_noise(source, (size[0], bottom - top), 4 + 4 * band, 5.0)
        shade = _stretch_contrast(ripples, 70, 190)
        picture.paste(_colour_between(shade, (20, 62, 84), (150, 190, 196)), (0, top))
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def _draw_wood(source: random.Random, size: Size) -> Image.Image:
    """Return boards with grain along them."""
    picture = Image.new("RGB", size)
    plank = 74
    for y in range(0, size[1], plank):
        grain = _stretch_contrast(_cloud_noise(source, (size[0], plank), 8, 14.0), 70, 180)
        light = _jitter(source, (196, 146, 92), 16)
        board = _colour_between(grain, _jitter(source, (116, 72, 40), 12), light)
        ImageDraw.Draw(board).rectangle((0, 0, size[0], 2), fill=(48, 30, 18))
        picture.paste(board, (0, y))
    return picture


def _draw_gravel(source: random.Random, size: Size) -> Image.Image:
    """Return pebbles, each with a light and a dark side."""
    picture = Image.new("RGB", size, (70, 66, 62))
    draw = ImageDraw.Draw(picture)
    for _ in range(size[0] * size[1] // 60):
        x, y, reach = source.randrange(size[0]), source.randrange(size[1]), source.uniform(3, 9)
        colour = _jitter(
            source, source.choice(((150, 142, 132), (120, 110, 104), (176, 160, 140))), 16
        )
        dark, light = _scale_colour(colour, 0.6), _scale_colour(colour, 1.2)
        flat = reach * source.uniform(0.6, 1)
        draw.ellipse((x - reach, y - flat + 1, x + reach, y + flat + 1), fill=dark)
        draw.ellipse((x - reach, y - flat, x + reach, y + flat - 1), fill=colour)
        draw.ellipse((x - reach / 2, y - flat / 1.5, x, y - flat / 4), fill=light)
    return picture


def _draw_night(source: random.Random, size: Size) -> Image.Image:
    """Return saturated lights out of focus over a dark street."""
    width, height = size
    picture = _colour_between(_gradient(size), (6, 8, 22), (36, 30, 34))
    colours = ((255, 40, 30), (255, 190, 60), (40, 120, 255), (60, 230, 120), (240, 60, 200))
    for _ in range(46):
        x, y, reach = source.randrange(width), source.randrange(height), source.randint(8, 34)
        light = Image.new("L", size)
        box = (x - reach, y - reach, x + reach, y + reach)
        ImageDraw.Draw(light).ellipse(box, fill=source.randint(60, 220), outline=235)
        picture.paste(source.choice(colours), mask=light.filter(ImageFilter.GaussianBlur(1.2)))
    return picture


def _draw_toys(source: random.Random, size: Size) -> Image.Image:
    """Return shaded balls in strong colours on a table."""
    width, height = size
    table = _cloud_noise(source, size, 16, 4.0)
    picture = _colour_between(table, (196, 176, 150), (232, 216, 196))
    colours = ((214, 30, 36), (24, 82, 200), (250, 200, 20), (30, 150, 70), (240, 110, 20))
    for _ in range(22):
        x, y, reach = source.randrange(width), source.randrange(height), source.randint(24, 62)
        box = (x - reach, y - reach, x + reach, y + reach)
        shadow = Image.new("L", size)
        ImageDraw.Draw(shadow).ellipse([at + reach // 4 for at in box], fill=120)
        picture.paste((60, 46, 36), mask=shadow.filter(ImageFilter.GaussianBlur(reach / 6)))
        ball = Image.new("L", size)
        ImageDraw.Draw(ball).ellipse(box, fill=255)
        shade = Image.radial_gradient("L").resize((3 * reach, 3 * reach))
        colour = source.choice(colours)
        shaded = _colour_between(
            shade,
            _brighten(colour, 60),
            _scale_colour(colour, 1 / 3),
        )
        layer = Image.new("RGB", size)
        layer.paste(shaded, (x - 2 * reach, y - 2 * reach))
        picture.paste(layer, mask=ball)
    return picture


PICTURES: Mapping[str, Callable[[random.Random, Size], Image.Image]] = {
    "landscape": _draw_landscape,
    "foliage": _draw_foliage,
    "bricks": _draw_bricks,
    "printed page": _draw_page,
    "fabric": _draw_fabric,
    "skin": _draw_skin,
    "facade": _draw_facade,
    "water": _draw_water,
    "wood": _draw_wood,
    "gravel": _draw_gravel,
    "night": _draw_night,
    "toys": _draw_toys,
}
