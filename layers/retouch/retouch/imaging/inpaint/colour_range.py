"""The colours of the surroundings of a hole, so that a fill has no colour beyond them."""

from __future__ import annotations

from itertools import combinations

from PIL import Image, ImageChops, ImageStat

from retouch.core.frozen_dataclass import frozen_dataclass

Levels = tuple[int, int]  # (lowest, highest)


@frozen_dataclass
class ColourRange:
    """The lowest and highest levels of the three bands, and of the three differences between two bands.

    The differences keep hues out: without them, surroundings in red and blue would also allow violet.
    """

    bands: tuple[Levels, ...]
    differences: tuple[Levels, ...]

    def limit(self, image: Image.Image, fallback: Image.Image) -> Image.Image:
        """Return the image ("RGB") with its bands in range, and with the fallback where a difference is not."""
        limited = image.point([level for levels in self.bands for level in _clamping_table(levels)])
        for levels, band in zip(self.differences, _difference_bands(image), strict=True):
            is_outside = band.point(_outside_table(levels))
            if is_outside.getbbox():
                limited.paste(fallback, mask=is_outside)
        return limited


def measure_colour_range(image: Image.Image, known: Image.Image) -> ColourRange:
    """Return the range of the pixels of the "RGB" image that `known` ("L") marks, of which there is at least one."""
    return ColourRange(
        bands=tuple(ImageStat.Stat(image, known).extrema),
        differences=tuple(
            levels
            for band in _difference_bands(image)
            for levels in ImageStat.Stat(band, known).extrema
        ),
    )


def _difference_bands(image: Image.Image) -> list[Image.Image]:
    """Return half of the difference of each two bands, plus 128, as "L"."""
    return [
        ImageChops.subtract(first, second, 2, 128)
        for first, second in combinations(image.split(), 2)
    ]


def _clamping_table(levels: Levels) -> list[int]:
    return [min(levels[1], max(levels[0], level)) for level in range(256)]


def _outside_table(levels: Levels) -> list[int]:
    return [0 if levels[0] <= level <= levels[1] else 255 for level in range(256)]
