"""Guess what a mask file marks, for mask_mode=auto and for the remedies in errors.

A file with transparent pixels marks by transparency. An opaque file marks what differs from its background. The
background is the colour of most of its border. The guess is refused where two readings are possible.
"""

from __future__ import annotations

from typing import cast

from retouch.core.edit_types import MaskMarking
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.codec import flatten, has_transparency, normalize_mode
from retouch.imaging.errors import InvalidImage
from retouch.imaging.masks.levels import (
    NOISE_LEVELS,
    count_marked,
    measure_grey_areas,
)
from retouch.imaging.masks.regions import split_into_bands
from retouch.imaging.pillow import Image, ImageChops, ImageStat

_MIN_BACKGROUND_SHARE = 0.75  # of the border
_MAX_MARKED_SHARE = 0.5  # of a file with a background
_MAX_MINORITY_SHARE = 0.4  # of a file in two colours of which both are at the border
_MIN_TWO_TONE_SHARE = 0.95  # of a file: the dark and the light pixels together
_MAX_DARK, _MIN_LIGHT = 63, 192  # levels
# The largest difference from the background must reach this level, unless the file has few colours.
_MIN_CONTRAST = 64
_FEW_COLOURS = 64  # a file with at most this many colours has no noise

Colour = tuple[int, ...]


@frozen_dataclass
class MarkedLevels:
    """The levels of a mask file ("L", 255 = edit), and what marks its pixels."""

    pixels: Image.Image
    marking: MaskMarking


def guess_marking(pixels: Image.Image) -> MarkedLevels:
    """Return the levels that an image marks. `pixels` may have any mode of a decoded file, and may be changed.

    Raises InvalidImage (mask_mode_ambiguous) when the image can be read in two ways.
    """
    levels = invert_alpha(pixels)
    transparent = count_marked(levels, "hard") / (levels.width * levels.height)
    if not transparent:
        del levels  # frees the memory of one channel
        return guess_by_colour(pixels)
    border = count_marked(_crop_border(levels), "hard") / _border_length(levels)
    is_clear_canvas = border >= _MIN_BACKGROUND_SHARE and _MAX_MARKED_SHARE < transparent < 1
    if is_clear_canvas:
        raise _ambiguous_error(
            "most of it is transparent, and either that or the opaque rest may be the area to edit",
            "mask_mode=alpha to edit the transparent area, or opaque to edit the opaque area",
        )
    return MarkedLevels(levels, "alpha")


def guess_by_colour(pixels: Image.Image) -> MarkedLevels:
    """Return the levels that the colours of an image mark. `pixels` may be changed. Raises like `guess_marking`."""
    picture = _reduce_to_grey(_flatten_in_place(pixels))
    background = _find_background(picture)
    if background is None:
        return _mark_minority(picture)
    difference = _measure_difference(picture, background)
    levels = _scale_difference(picture, difference)
    if count_marked(levels, "hard") > _MAX_MARKED_SHARE * levels.width * levels.height:
        raise _ambiguous_error(
            "the colour of its border covers less than half of it",
            "mask_mode=white or black for the colour that marks the area to edit",
        )
    return MarkedLevels(levels, _name_marking(picture, background))


def invert_alpha(pixels: Image.Image) -> Image.Image:
    """Return 255 - alpha as "L". An image without transparency gives 0."""
    if "A" not in pixels.getbands():
        if not pixels.has_transparency_data:
            return Image.new("L", pixels.size)
        pixels = normalize_mode(pixels).convert("RGBA")
    return ImageChops.invert(pixels.getchannel("A"))


def _flatten_in_place(pixels: Image.Image) -> Image.Image:
    """Return the image on white as "L", "RGB" or opaque "RGBA".

    An "RGBA" image is changed itself, because a copy of a large one does not fit into memory.
    """
    picture = normalize_mode(pixels)
    if has_transparency(picture):
        for band in split_into_bands((0, 0, *picture.size)):
            picture.paste(flatten(picture.crop(band)).convert("RGBA"), band)
    return picture


def _reduce_to_grey(picture: Image.Image) -> Image.Image:
    """Return an image without colours as "L", and any other image, which is opaque, as it is."""
    if picture.mode == "L":
        return picture
    for band in split_into_bands((0, 0, *picture.size)):
        red, green, blue = picture.crop(band).split()[:3]
        pairs = (ImageChops.difference(red, green), ImageChops.difference(green, blue))
        if max(_level_range(pair)[1] for pair in pairs) > NOISE_LEVELS:
            return picture
    return picture.convert("L")


def _level_range(levels: Image.Image) -> tuple[int, int]:
    """Return the lowest and the highest level of an "L" image."""
    return cast("tuple[int, int]", levels.getextrema())


def _find_background(picture: Image.Image) -> Colour | None:
    """Return the colour of most of the border, or None when the border has no such colour."""
    border = _crop_border(picture)
    colour = tuple(int(level) for level in ImageStat.Stat(border).median)
    near = _measure_difference(border, colour).point(
        [255 if level <= NOISE_LEVELS else 0 for level in range(256)]
    )
    is_uniform = near.histogram()[255] >= _MIN_BACKGROUND_SHARE * _border_length(picture)
    return colour if is_uniform else None


def _border_length(picture: Image.Image) -> int:
    """Return the number of pixels of the image that `_crop_border` returns."""
    return 2 * (picture.width + picture.height)


def _crop_border(picture: Image.Image) -> Image.Image:
    """Return the four outermost lines of pixels as one line."""
    width, height = picture.size
    line = Image.new(picture.mode, (_border_length(picture), 1))
    line.paste(picture.crop((0, 0, width, 1)), (0, 0))
    line.paste(picture.crop((0, height - 1, width, height)), (width, 0))
    for index, left in enumerate((0, width - 1)):
        column = picture.crop((left, 0, left + 1, height)).transpose(Image.Transpose.ROTATE_90)
        line.paste(column, (2 * width + index * height, 0))
    return line


def _measure_difference(picture: Image.Image, colour: Colour) -> Image.Image:
    """Return the largest difference of any channel from the colour as "L"."""
    result = Image.new("L", picture.size)
    for band in split_into_bands((0, 0, *picture.size)):
        part = picture.crop(band)
        channels = ImageChops.difference(part, Image.new(part.mode, part.size, colour)).split()
        largest = channels[0]
        for channel in channels[1:]:
            largest = ImageChops.lighter(largest, channel)
        result.paste(largest, band)
    return result


def _scale_difference(picture: Image.Image, difference: Image.Image) -> Image.Image:
    """Return the difference from the background with the largest difference as 255.

    Where the picture has several areas of equal colour, as an index map has, every pixel that differs becomes 255.
    """
    contrast = _level_range(difference)[1]
    has_few_colours = picture.getcolors(_FEW_COLOURS) is not None
    if not contrast or (contrast < _MIN_CONTRAST and not has_few_colours):
        raise _ambiguous_error(
            "no part of it stands out from its background",
            "a mask with two colours, or leave the mask out",
        )
    levels = difference.point([min(255, round(level * 255 / contrast)) for level in range(256)])
    greys = measure_grey_areas(levels)
    if greys.are_wide and not greys.are_ramps:
        noise = 0 if has_few_colours else NOISE_LEVELS
        levels = difference.point([255 if level > noise else 0 for level in range(256)])
    return levels


def _name_marking(picture: Image.Image, background: Colour) -> MaskMarking:
    """Return "white" or "black" for a grey image with that contrast, else "colour"."""
    if picture.mode == "L":
        darkest, lightest = _level_range(picture)
        if background[0] <= _MAX_DARK and lightest >= _MIN_LIGHT:
            return "white"
        if background[0] >= _MIN_LIGHT and darkest <= _MAX_DARK:
            return "black"
    return "colour"


def _mark_minority(picture: Image.Image) -> MarkedLevels:
    """Return the levels of a picture without a background: in black and white, the rarer of the two is marked."""
    counts = picture.histogram() if picture.mode == "L" else [0] * 256
    total = picture.width * picture.height
    dark, light = sum(counts[: _MAX_DARK + 1]), sum(counts[_MIN_LIGHT:])
    if dark + light < _MIN_TWO_TONE_SHARE * total:
        raise _ambiguous_error(
            "it has no uniform background",
            "a mask in black and white with mask_mode=white or black, or a PNG whose transparent pixels mark the area "
            "to edit with mask_mode=alpha",
        )
    if min(dark, light) > _MAX_MINORITY_SHARE * total:
        raise _ambiguous_error(
            "black and white cover about the same area",
            "mask_mode=white or black for the colour that marks the area to edit",
        )
    if light <= dark:
        return MarkedLevels(picture, "white")
    return MarkedLevels(ImageChops.invert(picture), "black")


def _ambiguous_error(reason: str, choices: str) -> InvalidImage:
    return InvalidImage(
        "mask_mode_ambiguous", f"does not show what it marks: {reason}. Send {choices}."
    )
