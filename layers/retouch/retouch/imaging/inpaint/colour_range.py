"""The colours of the surroundings of a hole, so that a fill has no colour beyond them."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.pillow import Image, ImageChops, ImageStat

Levels = tuple[int, int]  # (lowest, highest)


@frozen_dataclass
class ColourRange:
    """The lowest and highest levels of the three bands, and of the three differences between two bands.

    The differences keep hues out: without them, surroundings in red and blue would also allow violet.
    """

    red: Levels
    green: Levels
    blue: Levels
    red_minus_green: Levels
    blue_minus_green: Levels
    blue_minus_red: Levels

    def limit(self, image: Image.Image) -> Image.Image:
        """Return the image ("RGB") with all bands and differences in range.

        Each band is limited to the levels that the bands before it permit. There is always one, because each limit is
        one of a real pixel. Colours that are nearly equal stay nearly equal, so no edge appears in a smooth area.
        """
        red, green, blue = image.split()
        green = green.point(_sum_table(0, self.green))
        red = red.point(_sum_table(0, self.red))
        red = _limit_difference(red, green, self.red_minus_green, self.red)
        blue = blue.point(_sum_table(0, self.blue))
        blue = _limit_difference(blue, green, self.blue_minus_green, self.blue)
        blue = _limit_difference(blue, red, self.blue_minus_red, self.blue)
        return Image.merge("RGB", (red, green, blue))


def measure_colour_range(image: Image.Image, known: Image.Image) -> ColourRange:
    """Return the range of the pixels of the "RGB" image that `known` ("L") marks, of which there is at least one."""
    red, green, blue = image.split()
    return ColourRange(
        red=_measure_levels(red, known),
        green=_measure_levels(green, known),
        blue=_measure_levels(blue, known),
        red_minus_green=_measure_difference(red, green, known),
        blue_minus_green=_measure_difference(blue, green, known),
        blue_minus_red=_measure_difference(blue, red, known),
    )


def _measure_levels(band: Image.Image, known: Image.Image) -> Levels:
    return ImageStat.Stat(band, known).extrema[0]


def _measure_difference(first: Image.Image, second: Image.Image, known: Image.Image) -> Levels:
    """Return the lowest and the highest difference of the two bands, -255..255."""
    above = _measure_levels(ImageChops.subtract(first, second), known)
    below = _measure_levels(ImageChops.subtract(second, first), known)
    return above[0] - below[1], above[1] - below[0]


def _limit_difference(
    band: Image.Image, other: Image.Image, difference: Levels, levels: Levels
) -> Image.Image:
    """Return the band with its difference to the other band in range."""
    lowest, highest = (other.point(_sum_table(limit, levels)) for limit in difference)
    return ImageChops.darker(ImageChops.lighter(band, lowest), highest)


def _sum_table(difference: int, levels: Levels) -> list[int]:
    """Return the sum of each level and the difference, limited to the levels."""
    return [min(levels[1], max(levels[0], level + difference)) for level in range(256)]
