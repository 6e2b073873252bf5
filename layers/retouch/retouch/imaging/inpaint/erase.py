"""Remove the area that a mask marks and fill it from its surroundings, without a model, network or randomness.

Thin parts are interpolated between their two sides. A smooth surface closes each thick part first. Then texture is
copied onto it from the place in the same image whose surroundings match best. This preserves straight lines such as a
horizon and grain such as sand.
"""

from __future__ import annotations

from math import ceil, sqrt

from retouch.core.errors import InvalidRequest
from retouch.core.geometry import Box, Size
from retouch.imaging.codec import normalize_mode
from retouch.imaging.inpaint.canvas import InpaintCanvas
from retouch.imaging.inpaint.colour_range import ColourRange, measure_colour_range
from retouch.imaging.inpaint.fill import fill_hole
from retouch.imaging.inpaint.remains import measure_remains
from retouch.imaging.inpaint.smooth_fill import smooth_fill
from retouch.imaging.inpaint.thin_areas import fill_thin_areas
from retouch.imaging.masks.regions import (
    box_area,
    expand_box,
    find_regions,
    shift_box,
    split_into_bands,
)
from retouch.imaging.pillow import Image, ImageChops, ImageFilter

# Number of pixels around the mark that may show the object's blurred edge, so they are not copied.
_HALO_PIXELS = 3
_REACH_FACTOR = 3  # search distance, in multiples of the longer side of the hole
_MIN_REACH = 96  # pixels; minimum search distance
_MAX_WORKING_PIXELS = 8_388_608  # pixels of a neighbourhood that is filled at full scale
# Pixels of an image in which a part is thin up to 17 pixels. In a larger image, thicker parts are thin too.
_PIXELS_AT_FULL_SCALE = 3_000_000
_SEAM_PIXELS = 8  # pixels inside the mark over which a small step at its edge is evened out
# Levels. A step of twice this value is not evened out, because the object is still visible there.
_MAX_STEP = 16
_NONZERO_TO_255 = [0] + [255] * 255


def erase_area(image: Image.Image, mask: Image.Image, *, passes: int = 1) -> Image.Image:
    """Return the image as "L", "RGB" or "RGBA" with the marked area filled.

    `mask` is "L" and as large as the image: 255 is filled, 0 stays exactly as it is, and values between are blended.
    `passes` >= 0 trades time for quality: more smoothing, and more places are compared. Transparent pixels become
    opaque where they are marked. Raises InvalidRequest (mask_full) when no unmarked pixel is left to fill from. Raises
    ValueError when the sizes differ.
    """
    if mask.size != image.size:
        raise ValueError(f"the mask is {mask.size} and the image {image.size}")
    if mask.getextrema()[0]:
        raise _mask_full_error()
    filled = normalize_mode(image).copy()
    del image  # frees the memory when the caller holds no other reference
    thick_mask = fill_thin_areas(filled, mask)
    factor = round(sqrt(mask.width * mask.height / _PIXELS_AT_FULL_SCALE))
    if thick_mask and factor > 1:
        thick_mask = fill_thin_areas(filled, thick_mask, factor)
    if thick_mask:
        for box in find_regions(thick_mask):
            _erase_box(filled, thick_mask, box, passes)
    return filled


def _mask_full_error() -> InvalidRequest:
    return InvalidRequest(
        "The mask marks the whole image, so no pixel is left to fill it from. Leave a part of the image unmarked.",
        param="mask",
        code="mask_full",
    )


def _erase_box(filled: Image.Image, mask: Image.Image, box: Box, passes: int) -> None:
    """Fill one marked area from its neighbourhood.

    A neighbourhood of more than _MAX_WORKING_PIXELS pixels is filled at a smaller scale.
    """
    neighbourhood = _neighbourhood(box, filled.size)
    factor = ceil(sqrt(box_area(neighbourhood) / _MAX_WORKING_PIXELS))
    part, marked_part = (_shrink_region(image, neighbourhood, factor) for image in (filled, mask))
    left, top, right, bottom = shift_box(box, -neighbourhood[0], -neighbourhood[1])
    scaled_box = left // factor, top // factor, ceil(right / factor), ceil(bottom / factor)
    filled_part, colours = _fill_marked(
        part, marked_part.point(_NONZERO_TO_255), scaled_box, passes
    )
    for band in split_into_bands(box):
        left, top, right, bottom = shift_box(band, -neighbourhood[0], -neighbourhood[1])
        source = (left / factor, top / factor, right / factor, bottom / factor)
        piece = filled_part.resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC, box=source
        )
        filled.paste(colours.limit(piece).convert(filled.mode), band, mask.crop(band))


def _neighbourhood(box: Box, size: Size) -> Box:
    """Return the neighbourhood of a box, reduced when it would have more than _MAX_WORKING_PIXELS pixels."""
    reach = _REACH_FACTOR * max(box[2] - box[0], box[3] - box[1])
    while reach > _MIN_REACH and box_area(expand_box(box, reach, size)) > _MAX_WORKING_PIXELS:
        reach = reach * 3 // 4
    return expand_box(box, max(_MIN_REACH, reach), size)


def _shrink_region(image: Image.Image, box: Box, factor: int) -> Image.Image:
    """Return the part of the image in `box`, with each block of `factor` by `factor` pixels averaged."""
    if factor == 1:
        return image.crop(box)
    size = ceil((box[2] - box[0]) / factor), ceil((box[3] - box[1]) / factor)
    small = Image.new(image.mode, size)
    for band in split_into_bands(box, factor):
        small.paste(image.crop(band).reduce(factor), (0, (band[1] - box[1]) // factor))
    return small


def _fill_marked(
    part: Image.Image, marked: Image.Image, box: Box, passes: int
) -> tuple[Image.Image, ColourRange]:
    """Return the image as "RGB" with the marked pixels in `box` filled from the rest, and the range of the colours."""
    result = part.convert("RGB")
    halo = _HALO_PIXELS + measure_remains(result, marked, box)
    excluded = _find_excluded(part, marked, halo)
    colours = measure_colour_range(result, ImageChops.invert(excluded))
    canvas = InpaintCanvas(result.copy(), excluded.copy(), excluded)
    fill_hole(canvas, expand_box(box, halo, part.size), passes, colours)
    window = expand_box(box, 2 * _HALO_PIXELS, part.size)
    original, filled, marked_window = (
        image.crop(window) for image in (result, canvas.image, marked)
    )
    blended = _blend_edges(original, filled, marked_window)
    result.paste(colours.limit(blended), window, marked_window)
    return result, colours


def _find_excluded(part: Image.Image, marked: Image.Image, halo: int) -> Image.Image:
    """Return an "L" mask, 255 for pixels that must not be copied: marked, near a mark, or transparent.

    `halo` is the width in pixels of what is near a mark.
    """
    excluded = marked.filter(ImageFilter.BoxBlur(halo)).point(_NONZERO_TO_255)
    if part.mode == "RGBA":
        transparent = part.getchannel("A").point(lambda alpha: 255 if alpha < 128 else 0)
        excluded = ImageChops.lighter(excluded, transparent)
    return excluded if excluded.getextrema()[0] == 0 else marked


def _blend_edges(original: Image.Image, filled: Image.Image, marked: Image.Image) -> Image.Image:
    """Even out the step between the filling and its surroundings where the step is small."""
    step = ImageChops.subtract(original, filled, 1, 128).point(_dampen_step)
    step.paste((128, 128, 128), mask=marked)
    core = marked.filter(ImageFilter.BoxBlur(_SEAM_PIXELS)).point(
        lambda value: 255 if value == 255 else 0
    )
    known = ImageChops.lighter(ImageChops.invert(marked), core)
    return ImageChops.add(filled, smooth_fill(step, known), 1, -128)


def _dampen_step(value: int) -> int:
    """Return a pixel of the step image, reduced towards 128 when its step is larger than _MAX_STEP."""
    step = value - 128
    return 128 + round(step * min(1.0, max(0.0, 2 - abs(step) / _MAX_STEP)))
