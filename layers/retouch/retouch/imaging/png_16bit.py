"""Decodes PNG files with 16 bits a channel to 8 bits a channel, with rounding.

Pillow drops the lower byte of most 16-bit files. It also looks for the transparent level of a tRNS chunk only after
that, when several levels have become equal. So this module reads both bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box, Size
from retouch.imaging.pillow import Image, ImageChops

# Decodes the file with a raw mode of Pillow, which says what the bytes of a pixel are. None is the file's own.
LoadRaw = Callable[[str | None], "Image.Image"]
ReadSamples = Callable[[Box], list["Image.Image"]]  # returns an "I" image of each channel in a box

_LEVELS = 65_536
_BAND_PIXELS = 524_288  # about forty bytes for each pixel of a band are in memory at once
_GREY, _COLOUR, _GREY_ALPHA = 0, 2, 4  # colour types of PNG; the fourth is colour with alpha
# Reads one byte of each 16-bit level: the upper byte, and the lower byte.
_UPPER_BYTES = {_COLOUR: "RGB;16B", 6: "RGBA;16B"}
_LOWER_BYTES = {_COLOUR: "RGB;16L", 6: "RGBA;16L"}
_FOUR_BYTES = "RGBA"  # reads the four bytes of a pixel of grey and alpha as four channels


@frozen_dataclass
class _Samples:
    """The 16-bit channels of an image, and the 8-bit image that gets the result."""

    target: Image.Image
    read: ReadSamples


@cache
def rounding_table() -> bytes:
    """Return the nearest 8-bit level of each 16-bit level."""
    return bytes((level * 255 + 32_767) // 65_535 for level in range(_LEVELS))


def decode_16bit(load: LoadRaw, colour_type: int, table: bytes) -> Image.Image:
    """Return the pixels as "L", "LA", "RGB" or "RGBA", with the colour profile in `info`.

    `table` gives the 8-bit level of each 16-bit level of grey or colour. Alpha is always rounded. A tRNS chunk makes a
    pixel transparent when all 16 bits of its levels are equal to those of the chunk.
    """
    samples, transparent_levels = _open_samples(load, colour_type)
    has_alpha = samples.target.mode in ("LA", "RGBA") and not transparent_levels
    for band in _split_into_bands(samples.target.size):
        channels = samples.read(band)
        colours = channels[:-1] if has_alpha else channels
        levels = [channel.point(table, "L") for channel in colours]
        if has_alpha:
            levels.append(channels[-1].point(rounding_table(), "L"))
        elif transparent_levels:
            levels.append(_find_opaque(colours, transparent_levels))
        samples.target.paste(
            Image.merge(samples.target.mode, levels) if len(levels) > 1 else levels[0], band
        )
    return samples.target


def _open_samples(load: LoadRaw, colour_type: int) -> tuple[_Samples, tuple[int, ...]]:
    """Return the channels, and the transparent level of each channel, or () when there is none."""
    if colour_type == _GREY_ALPHA:
        return _open_grey_alpha(load(_FOUR_BYTES)), ()
    image = load(_UPPER_BYTES.get(colour_type))
    level = image.info.pop("transparency", ())
    transparent_levels = level if isinstance(level, tuple) else (level,)
    if colour_type == _GREY:
        return _open_grey(image, "LA" if transparent_levels else "L"), transparent_levels
    if transparent_levels:
        image.putalpha(255)  # in place: a third image of this size might not fit into memory
    return _open_colour(image, load(_LOWER_BYTES[colour_type])), transparent_levels


def _open_grey(image: Image.Image, mode: str) -> _Samples:
    return _Samples(_new_image_like(image, mode), lambda box: [image.crop(box).convert("I")])


def _open_grey_alpha(image: Image.Image) -> _Samples:
    def read(box: Box) -> list[Image.Image]:
        grey_upper, grey_lower, alpha_upper, alpha_lower = image.crop(box).split()
        return [_join_bytes(grey_upper, grey_lower), _join_bytes(alpha_upper, alpha_lower)]

    return _Samples(_new_image_like(image, "LA"), read)


def _open_colour(upper: Image.Image, lower: Image.Image) -> _Samples:
    """Return the channels of two images with the upper and the lower bytes. The result replaces the upper bytes."""

    def read(box: Box) -> list[Image.Image]:
        lower_bytes = lower.crop(box).split()
        upper_bytes = upper.crop(box).split()[: len(lower_bytes)]
        return [_join_bytes(u, v) for u, v in zip(upper_bytes, lower_bytes, strict=True)]

    return _Samples(upper, read)


def _new_image_like(image: Image.Image, mode: str) -> Image.Image:
    target = Image.new(mode, image.size)
    target.info = image.info
    return target


def _join_bytes(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Return the 16-bit levels as "I". A pixel of "I;16" has its lower byte first."""
    both = Image.merge("LA", (lower, upper)).tobytes()
    return Image.frombytes("I;16", upper.size, both).convert("I")


def _find_opaque(channels: Sequence[Image.Image], transparent: Sequence[int]) -> Image.Image:
    """Return an "L" image: 0 where every channel has its transparent level, else 255."""
    opaque = Image.new("L", channels[0].size)
    for channel, level in zip(channels, transparent, strict=True):
        table = bytearray(b"\xff" * _LEVELS)
        table[level] = 0
        opaque = ImageChops.lighter(opaque, channel.point(bytes(table), "L"))
    return opaque


def _split_into_bands(size: Size) -> Iterator[Box]:
    """Yield boxes of full width that cover an image, from the top."""
    width, height = size
    lines = max(1, _BAND_PIXELS // width)
    for top in range(0, height, lines):
        yield 0, top, width, min(height, top + lines)
