"""Fill a thin hole, such as a letter, a scratch or a wire, by interpolation between its two sides.

For each pixel and each of four directions, the line through the pixel meets a known pixel on both sides of the hole.
An edge or a stripe runs along the line where both are alike, so the value between them is a good guess. The guesses are
averaged. A guess counts more when both sides are alike and the line is short. A smooth surface is one more guess: it
decides where no two sides are alike. An average of known pixels has no colour that they do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import hypot
from typing import Any

from PIL import ImageMath

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box
from retouch.imaging.inpaint.smooth_fill import smooth_fill
from retouch.imaging.pillow import Image, ImageChops

_DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1))
_STRIDES = (1, 2, 4, 8, 16)  # steps; together they reach known pixels up to 31 steps away
_ALIKE_LEVELS = 10.0  # levels between both sides at which a guess counts a quarter
_COMPARED_LINES = 2  # lines on each side of a line that are compared like it
# The weight of a guess between two like sides is 1 divided by the square of the pixels between them.
_SURFACE_WEIGHT = 0.012
_SURFACE_ROUNDS = (
    5  # rounds that bring the smooth surface near to the solution of Laplace's equation
)
_MEAN_OF_BANDS = (1 / 3, 1 / 3, 1 / 3, 0)

Operands = dict[str, Any]


@frozen_dataclass
class _Side:
    """What the lines of one direction meet first on one side."""

    colour: Image.Image  # "RGB"
    steps: Image.Image  # "F", the number of steps to the known pixel
    known: Image.Image  # "L", 255 where the line meets a known pixel


def fill_thin_hole(image: Image.Image, known: Image.Image) -> Image.Image:
    """Return the image ("RGB") with its unknown pixels filled. `known` is "L" with 255 for the known pixels, else 0."""
    unknown = ImageChops.invert(known)
    total = Image.new("F", image.size, _SURFACE_WEIGHT)
    sums = [
        _calculate(lambda at: at["band"] * at["total"], band=band, total=total)
        for band in _build_surface(image, known, _to_bits(unknown))
    ]
    for guess, weight in _guess_along_lines(image, known, unknown):
        total = _add(total, weight)
        sums = [
            _calculate(
                lambda at: at["total"] + at["band"] * at["weight"],
                total=band_sum,
                band=band.convert("F"),
                weight=weight,
            )
            for band_sum, band in zip(sums, guess.split(), strict=True)
        ]
    filled = image.copy()
    filled.paste(
        Image.merge("RGB", [_divide(band_sum, total) for band_sum in sums]), mask=_to_bits(unknown)
    )
    return filled


def _calculate(expression: Callable[[Operands], Any], **images: Image.Image) -> Image.Image:
    """Return the result of the expression for each pixel of the "F" images."""
    result: Image.Image = ImageMath.lambda_eval(expression, **images)
    return result


def _add(first: Image.Image, second: Image.Image) -> Image.Image:
    return _calculate(lambda at: at["first"] + at["second"], first=first, second=second)


def _divide(band_sum: Image.Image, total: Image.Image) -> Image.Image:
    """Return the rounded quotient as "L"."""
    return _calculate(lambda at: at["sum"] / at["total"] + 0.5, sum=band_sum, total=total).convert(
        "L"
    )


def _to_bits(mask: Image.Image) -> Image.Image:
    """Return the "L" mask in mode "1", with which Pillow pastes four times faster."""
    return mask.convert("1", dither=Image.Dither.NONE)


def _shift(image: Image.Image, dx: int, dy: int) -> Image.Image:
    """Return an image of the same size whose pixel (x, y) is the pixel (x + dx, y + dy), or 0 outside."""
    return image.crop((dx, dy, image.width + dx, image.height + dy))


def _build_surface(
    image: Image.Image, known: Image.Image, unknown_bits: Image.Image
) -> list[Image.Image]:
    """Return the bands of the image as "F" with a smooth surface where it is unknown."""
    bands = [band.convert("F") for band in smooth_fill(image, known).split()]
    inner: Box = (1, 1, image.width - 1, image.height - 1)
    for band in bands if min(image.size) > 2 else ():
        for _ in range(_SURFACE_ROUNDS):
            mean = _mean_of_neighbours(band)
            band.paste(mean.crop(inner), inner, unknown_bits.crop(inner))
    return bands


def _mean_of_neighbours(band: Image.Image) -> Image.Image:
    return _calculate(
        lambda at: (at["left"] + at["right"] + at["up"] + at["down"]) * 0.25,
        left=_shift(band, -1, 0),
        right=_shift(band, 1, 0),
        up=_shift(band, 0, -1),
        down=_shift(band, 0, 1),
    )


def _guess_along_lines(
    image: Image.Image, known: Image.Image, unknown: Image.Image
) -> Iterator[tuple[Image.Image, Image.Image]]:
    """Yield (guess as "RGB", weight as "F") for each direction that meets known pixels on both sides."""
    for dx, dy in _DIRECTIONS:
        ahead, behind = (_find_side(image, known, sign * dx, sign * dy) for sign in (1, -1))
        both = ImageChops.darker(ImageChops.darker(ahead.known, behind.known), unknown)
        if both.getbbox():
            share = _calculate(_share_behind, ahead=ahead.steps, behind=behind.steps).convert("L")
            guess = Image.composite(behind.colour, ahead.colour, share)
            yield guess, _weigh_guess(ahead, behind, both, (dx, dy))


def _share_behind(at: Operands) -> Any:
    """Return the share of the colour behind in a guess, 0..255: larger when the known pixel ahead is farther."""
    return at["ahead"] * 255.0 / at["max"](at["ahead"] + at["behind"], 1.0)


def _find_side(image: Image.Image, known: Image.Image, dx: int, dy: int) -> _Side:
    """Return what the line from each pixel meets first in steps of (dx, dy).

    A pixel that has met nothing takes over what the pixel one stride farther has met, with longer and longer strides.
    """
    colour, steps, met = image.copy(), Image.new("L", image.size), known
    for stride in _STRIDES:
        met_farther = _shift(met, stride * dx, stride * dy)
        new = _to_bits(ImageChops.subtract(met_farther, met))
        if not new.getbbox():
            break
        colour.paste(_shift(colour, stride * dx, stride * dy), mask=new)
        steps_farther = _shift(steps, stride * dx, stride * dy)
        steps.paste(ImageChops.add(steps_farther, Image.new("L", image.size, stride)), mask=new)
        met = ImageChops.lighter(met, met_farther)
    return _Side(colour, steps.convert("F"), met)


def _weigh_guess(
    ahead: _Side, behind: _Side, both: Image.Image, direction: tuple[int, int]
) -> Image.Image:
    """Return the weights of the guesses of one direction as "F", 0 where `both` is 0."""
    levels = ImageChops.difference(ahead.colour, behind.colour).convert("L", _MEAN_OF_BANDS)
    is_counted = both.point(lambda value: value // 255).convert("F")
    beside = -direction[1], direction[0]
    return _calculate(
        lambda at: _weight(at, hypot(*direction)),
        difference=_sum_beside(ImageChops.darker(levels, both).convert("F"), beside),
        count=_sum_beside(is_counted, beside),
        is_counted=is_counted,
        ahead=ahead.steps,
        behind=behind.steps,
    )


def _sum_beside(image: Image.Image, beside: tuple[int, int]) -> Image.Image:
    """Return for each pixel the sum over its line and the compared lines beside it."""
    total = image
    for count in range(1, _COMPARED_LINES + 1):
        for sign in (1, -1):
            total = _add(total, _shift(image, sign * count * beside[0], sign * count * beside[1]))
    return total


def _weight(at: Operands, pixels_per_step: float) -> Any:
    length = at["max"](at["ahead"] + at["behind"], 1.0) * pixels_per_step
    unlikeness = at["difference"] / (at["max"](at["count"], 1.0) * _ALIKE_LEVELS)
    divisor = (unlikeness * unlikeness + 1.0) * length
    return at["is_counted"] / (divisor * divisor)
