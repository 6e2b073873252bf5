"""Masks that are described instead of sent: shapes in JSON, or a colour of the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image, ImageChops

from retouch.core.edit_types import EncodedImage, Mask, Size
from retouch.imaging.codec import flatten
from retouch.imaging.colour import decode_srgb
from retouch.imaging.errors import InvalidImage, to_invalid_request
from retouch.imaging.masks.edges import dilate, erode, feather
from retouch.imaging.masks.rasterize import Shape
from retouch.imaging.masks.read import build_mask, reject_full_mask
from retouch.imaging.masks.shape_schema import MaskAdjustments, read_adjustments, read_shapes


def draw_mask(
    spec: Mapping[str, Any], image: EncodedImage, *, param: str = "mask", allow_full: bool = False
) -> Mask:
    """Return the mask that a JSON object describes, in the size in which `image` is displayed.

    The object is `{"shapes": [...], "unit": "px" or "fraction", "grow": 0, "invert": false, "feather": 0}`, and only
    "shapes" is required. Without feather the mask has only the values 0 and 255. Raises InvalidRequest with the codes
    invalid_mask_shape, mask_empty and, unless `allow_full`, mask_full.
    """
    shapes = read_shapes(spec, image.size, param=param)
    adjustments = read_adjustments(spec, image.size, param=param)
    return adjust_mask(
        draw_shapes(shapes, image.size), adjustments, param=param, allow_full=allow_full
    )


def draw_shapes(shapes: Iterable[Shape], size: Size) -> Image.Image:
    """Return one "L" image with all shapes drawn, 255 inside."""
    mask = Image.new("L", size)
    for shape in shapes:
        shape.draw(mask)
    return mask


def select_colour(
    encoded: EncodedImage, colour: tuple[int, int, int], tolerance: int
) -> Image.Image:
    """Return an "L" image, 255 where the image, on a white background, has the sRGB colour.

    Each channel may differ by up to `tolerance` levels. Raises like `decode`.
    """
    pixels = flatten(decode_srgb(encoded)).convert("RGB")
    level_table = [
        255 if abs(v - wanted) <= tolerance else 0 for wanted in colour for v in range(256)
    ]
    red, green, blue = pixels.point(level_table).split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


def adjust_mask(
    levels: Image.Image, adjustments: MaskAdjustments, *, param: str, allow_full: bool
) -> Mask:
    """Return the Mask after grow, invert and feather. Raises InvalidRequest (mask_empty, mask_full)."""
    if adjustments.grow:
        levels = (dilate if adjustments.grow > 0 else erode)(levels, abs(adjustments.grow))
    if adjustments.invert:
        levels = ImageChops.invert(levels)
    size = f"{levels.width}x{levels.height} pixels"
    empty_reason = (
        f"no pixel of the image's {size} is marked. Check the coordinates, unit, grow and invert."
    )
    try:
        mask = build_mask(feather(levels, adjustments.feather), empty_reason=empty_reason)
        if not allow_full:
            reject_full_mask(
                mask, f"At least one of its {size} must stay unmarked. Draw less, or send no mask."
            )
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error
    return mask
