"""The lines of a PNG as it stores them: inflated, but with their filters.

Pillow undoes filters in twice the time of the inflating. A line that stays as it is needs no decoding: it is compressed
again with the filter that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from isal import isal_zlib

from retouch.core.edit_types import EncodedImage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.imaging.colour import has_other_colours
from retouch.imaging.pillow import Image
from retouch.imaging.png_inflate import MAX_BLOCK_BYTES, iter_inflated, iter_stored_blocks

_MODES = {2: "RGB", 6: "RGBA"}  # by the colour type of the header
_MAX_FILTER = 4
_INDEPENDENT_FILTERS = (b"\0", b"\1")  # None and Sub, which do not refer to the line above
_BAND_BYTES = 1_048_576


@frozen_dataclass
class FilteredLines:
    """Successive lines from the top of a PNG in sRGB with 8 bits a channel: a byte for the filter, then its bytes."""

    mode: str  # "RGB" or "RGBA"
    size: Size
    data: memoryview = field(repr=False)

    @property
    def stride(self) -> int:
        """The bytes of a line, with the byte for its filter."""
        return 1 + self.size[0] * len(self.mode)

    def iter_bands(self, top: int, bottom: int) -> Iterator[memoryview]:
        """Yield the lines from `top` to before `bottom`, some at a time."""
        step = max(1, _BAND_BYTES // self.stride)
        for start in range(top, bottom, step):
            yield self.data[start * self.stride : min(start + step, bottom) * self.stride]


def read_lines(file: EncodedImage) -> FilteredLines | None:
    """Return all lines of a checked PNG, whose data is then intact to its end.

    Returns None for a file of another kind (palette, grey, 16 bits, interlaced, turned, other colours than sRGB, a
    transparent colour) and for damaged data: `decode_srgb` reads the one and names the other.
    """
    return _read(file, file.size, is_whole=True)


def read_first_lines(file: EncodedImage, count: int, columns: int) -> FilteredLines | None:
    """Return the first `count` lines of a checked PNG, and of them the first `columns` pixels.

    The data is read no further, because filters refer only to pixels above and on the left. Returns None like
    `read_lines`.
    """
    lines = _read(file, (file.width, count), is_whole=False)
    return lines and _keep_first_columns(lines, columns)


def decode_lines(lines: FilteredLines, top: int, bottom: int) -> Image.Image:
    """Return the pixels of the lines from `top` to before `bottom`."""
    width = lines.size[0]
    pixels = Image.new(lines.mode, (width, bottom - top))
    at, above = _last_independent_line(lines, top), b""
    for band in lines.iter_bands(at, bottom):
        # The line above is repeated as a line without a filter, because the first filter may refer to it.
        part = _decode_band(lines, above, band)
        pixels.paste(part, (0, at - top - bool(above)))
        at += len(band) // lines.stride
        above = b"\0" + part.crop((0, part.height - 1, width, part.height)).tobytes()
    return pixels


def _read(file: EncodedImage, size: Size, *, is_whole: bool) -> FilteredLines | None:
    if not _has_plain_lines(file):
        return None
    mode = _MODES[file.data[25]]
    data = _inflate(file.data, size[1] * (1 + size[0] * len(mode)), is_whole=is_whole)
    if data is None:
        return None
    lines = FilteredLines(mode, size, data)
    return lines if max(bytes(data[:: lines.stride])) <= _MAX_FILTER else None


def _has_plain_lines(file: EncodedImage) -> bool:
    """Return whether the bytes of a checked file are lines of sRGB pixels, once the filters are undone."""
    if file.format != "png" or file.has_exif_rotation or not file.header:
        return False
    depth, colour, interlace = file.data[24], file.data[25], file.data[28]
    if depth != 8 or colour not in _MODES or interlace:
        return False
    has_transparent_colour = file.has_alpha and _MODES[colour] == "RGB"
    return not has_transparent_colour and not has_other_colours(file.data, file.format)


def _inflate(data: bytes, byte_count: int, *, is_whole: bool) -> memoryview | None:
    """Return the first `byte_count` bytes of the image data, which has no more if `is_whole`, or None."""
    lines, end = memoryview(bytearray(byte_count)), 0
    try:
        for piece in iter_inflated(data):
            start, end = end, end + len(piece)
            if end > byte_count and is_whole:
                return None
            lines[start:end] = piece[: byte_count - start]
            if end >= byte_count and not is_whole:
                break
    except isal_zlib.IsalError:  # type: ignore[misc]  # its stub types it as an instance
        return None
    return lines if end >= byte_count else None


def _keep_first_columns(lines: FilteredLines, columns: int) -> FilteredLines:
    width, height = lines.size
    if columns >= width:
        return lines
    stride, kept_bytes = lines.stride, 1 + columns * len(lines.mode)
    starts = range(0, height * stride, stride)
    data = b"".join([lines.data[start : start + kept_bytes] for start in starts])
    return FilteredLines(lines.mode, (columns, height), memoryview(data))


def _last_independent_line(lines: FilteredLines, top: int) -> int:
    """Return the last line up to `top` whose filter does not refer to the line above. The first line has none above."""
    filters = bytes(lines.data[: top * lines.stride + 1 : lines.stride])
    return max(0, *map(filters.rfind, _INDEPENDENT_FILTERS))


def _decode_band(lines: FilteredLines, above: bytes, band: memoryview) -> Image.Image:
    """Return the pixels of some lines, and of the line above if there is one, by Pillow's decoder of PNG lines."""
    data = above + band
    blocks = (data[at : at + MAX_BLOCK_BYTES] for at in range(0, len(data), MAX_BLOCK_BYTES))
    stream = b"".join(iter_stored_blocks(blocks))
    size = lines.size[0], len(data) // lines.stride
    return Image.frombytes(lines.mode, size, stream, "zip", lines.mode, 0)
