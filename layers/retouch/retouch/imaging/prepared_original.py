"""The work of restoring an original in a PNG, in two parts: without the result, and with it."""

from __future__ import annotations

from collections.abc import Iterator

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import FloatBox, Size
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
from retouch.imaging.png_lines import FilteredLines, decode_lines
from retouch.imaging.png_writer import (
    CompressedLines,
    compress_filtered_lines,
    compress_lines,
    join_lines,
    sub_filter_lines,
)


@frozen_dataclass
class PreparedOriginal:
    """An original, and everything that a PNG with its unmarked pixels needs besides the result.

    Nothing in it is changed, so it serves any number of results.
    """

    size: Size
    pixels: Image.Image  # at least the lines of the marked area, in full width
    first_line: int  # the line of the original that is the first of `pixels`
    bands: tuple[WeightedBand, ...]  # the lines of the marked area, from top to bottom
    lines_above: CompressedLines
    lines_below: CompressedLines

    @property
    def preserved_pixels(self) -> int:
        """The number of pixels outside the mask."""
        marked_pixels = sum(band.marked_pixels for band in self.bands)
        return self.size[0] * self.size[1] - marked_pixels


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
    bands = tuple(iter_weighted_bands(mask, feather))
    return PreparedOriginal(original.size, original, 0, bands, above, below)


def prepare_filtered_lines(
    lines: FilteredLines, mask: Image.Image, *, feather: int
) -> PreparedOriginal:
    """Return the prepared original like `prepare_original`. Only the lines of the marked area are decoded.

    The lines above and below keep their filters.
    """
    _, top, _, bottom = mask.getbbox() or (0, 0, 0, 0)
    above = compress_filtered_lines(lines.iter_bands(0, top))
    pixels = decode_lines(lines, top, min(bottom + 1, lines.size[1]))
    below = compress_filtered_lines(_iter_lines_below(lines, pixels, bottom - top, bottom))
    bands = tuple(iter_weighted_bands(mask, feather))
    return PreparedOriginal(lines.size, pixels, top, bands, above, below)


def _iter_lines_below(
    lines: FilteredLines, pixels: Image.Image, index: int, bottom: int
) -> Iterator[bytes | memoryview]:
    """Yield the lines from `bottom` on with their filters. `index` is that of the first in `pixels`.

    The first gets another filter, because its own may refer to the line above, which the result changes.
    """
    if bottom < lines.size[1]:
        yield sub_filter_lines(pixels.crop((0, index, pixels.width, index + 1)))
        yield from lines.iter_bands(bottom + 1, lines.size[1])


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
    lines = (_blended_lines(prepared, edited, band, source_box) for band in prepared.bands)
    parts = [prepared.lines_above, compress_lines(lines), prepared.lines_below]
    return join_lines(prepared.size, original.mode, parts)


def _blended_lines(
    prepared: PreparedOriginal, edited: Image.Image, band: WeightedBand, source_box: FloatBox
) -> Image.Image:
    """Return the lines of a band in full width, as a new image."""
    top, bottom = band.box[1], band.box[3]
    pixels, first_line = prepared.pixels, prepared.first_line
    lines = pixels.crop((0, top - first_line, pixels.width, bottom - first_line))
    part = crop_scaled(edited, band.box, source_box, prepared.size)
    blend_part(lines, part, band.weight, shift_box(band.box, 0, -top))
    return lines
