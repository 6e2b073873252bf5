"""The work of restoring an original in a PNG, in two parts: without the result, and with it."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import FloatBox
from retouch.imaging.codec import normalize_mode
from retouch.imaging.colour import to_srgb
from retouch.imaging.compose import (
    WeightedBand,
    blend_part,
    common_mode,
    crop_scaled,
    iter_weighted_bands,
)
from retouch.imaging.masks.regions import shift_box
from retouch.imaging.pillow import Image
from retouch.imaging.png_writer import CompressedLines, compress_lines, join_lines


@frozen_dataclass
class PreparedOriginal:
    """An original, and everything that a PNG with its unmarked pixels needs besides the result.

    Nothing in it is changed, so it serves any number of results.
    """

    pixels: Image.Image
    bands: tuple[WeightedBand, ...]  # the lines of the marked area, from top to bottom
    lines_above: CompressedLines
    lines_below: CompressedLines

    @property
    def preserved_pixels(self) -> int:
        """The number of pixels outside the mask."""
        marked_pixels = sum(band.marked_pixels for band in self.bands)
        return self.pixels.width * self.pixels.height - marked_pixels


def prepare_original(original: Image.Image, mask: Image.Image, *, feather: int) -> PreparedOriginal:
    """Return the prepared original. The arguments are as for `composite_original`; none is changed.

    The lines are compressed first. The compressor lets other threads run, and the blur of the weights does not.
    """
    width, height = original.size
    box = mask.getbbox() or (0, 0, 0, 0)
    above, below = (
        compress_lines([original.crop((0, top, width, bottom))])
        for top, bottom in ((0, box[1]), (box[3], height))
    )
    return PreparedOriginal(original, tuple(iter_weighted_bands(mask, feather)), above, below)


def write_restored_png(
    prepared: PreparedOriginal, result: Image.Image, source_box: FloatBox
) -> bytes | None:
    """Return a PNG with the pixels that `composite_original` returns.

    `source_box` is the part of the result that shows the original. Only the lines of the marked area are blended and
    compressed. Returns None when the result has colours or transparency that the mode of the original does not hold.
    """
    original, edited = prepared.pixels, normalize_mode(to_srgb(result))
    if common_mode(original, edited) != original.mode:
        return None
    lines = (_blended_lines(original, edited, band, source_box) for band in prepared.bands)
    parts = [prepared.lines_above, compress_lines(lines), prepared.lines_below]
    return join_lines(original.size, original.mode, parts)


def _blended_lines(
    original: Image.Image, edited: Image.Image, band: WeightedBand, source_box: FloatBox
) -> Image.Image:
    """Return the lines of a band in full width, as a new image."""
    top, bottom = band.box[1], band.box[3]
    lines = original.crop((0, top, original.width, bottom))
    part = crop_scaled(edited, band.box, source_box, original.size)
    blend_part(lines, part, band.weight, shift_box(band.box, 0, -top))
    return lines
