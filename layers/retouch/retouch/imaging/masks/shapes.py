"""Masks that are described instead of sent: shapes in JSON, or a colour of the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from retouch.core.edit_types import EncodedImage, Mask, MaskEdge, MaskOrigin
from retouch.core.geometry import Size
from retouch.imaging.codec import flatten
from retouch.imaging.colour import decode_srgb
from retouch.imaging.errors import InvalidImage, to_invalid_request
from retouch.imaging.masks.adjust import MaskAdjustments, adjust_levels, build_mask
from retouch.imaging.masks.rasterize import Shape
from retouch.imaging.masks.shape_schema import read_adjustments, read_shapes
from retouch.imaging.pillow import Image, ImageChops


def draw_mask(spec: Mapping[str, Any], image: EncodedImage, *, param: str = "mask") -> Mask:
    """Return the mask that a JSON object describes, in the size in which `image` is displayed.

    The object is `{"shapes": [...], "unit": "px" or "fraction", "grow": 0, "invert": false, "feather": 0}`, and only
    "shapes" is required. Without feather the mask has only the values 0 and 255. Raises InvalidRequest with the codes
    invalid_mask_shape and mask_empty.
    """
    shapes = read_shapes(spec, image.size, param=param)
    adjustments = read_adjustments(spec, image.size, param=param)
    return adjust_mask(draw_shapes(shapes, image.size), adjustments, param=param)


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


def union_masks(masks: Iterable[Image.Image]) -> Image.Image:
    """Return an "L" image that marks every pixel that any of the "L" images marks."""
    return reduce(ImageChops.lighter, masks)


def adjust_mask(levels: Image.Image, adjustments: MaskAdjustments, *, param: str) -> Mask:
    """Return the Mask of drawn shapes after grow, invert and feather. Raises InvalidRequest (mask_empty)."""
    size = f"{levels.width}x{levels.height} pixels"
    edge: MaskEdge = "feathered" if adjustments.feather else "hard"
    origin = MaskOrigin("shapes", grow=adjustments.grow)
    try:
        return build_mask(
            adjust_levels(levels, adjustments),
            edge,
            origin,
            explain_empty=lambda: (
                f"no pixel of the image's {size} is marked. Check the coordinates, unit, grow and invert."
            ),
        )
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error
