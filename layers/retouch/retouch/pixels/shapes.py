"""Masks that are described instead of sent: shapes in JSON, or a colour of the picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image, ImageChops

from retouch.messages import Mask, Picture, Size
from retouch.pixels.colour import decode_srgb
from retouch.pixels.convert import flatten
from retouch.pixels.measure import measured, refuse_full
from retouch.pixels.refusal import UnfitError, refusal
from retouch.pixels.rim import feathered, narrowed, widened
from retouch.pixels.shape_form import Finish, read_finish, read_shapes
from retouch.pixels.spans import Shape


def draw_mask(
    spec: Mapping[str, Any], against: Picture, *, param: str = "mask", allow_full: bool = False
) -> Mask:
    """The mask that a JSON object describes, as large as `against` is displayed.

    `{"shapes": [...], "unit": "px" or "fraction", "grow": 0, "invert": false, "feather": 0}`, and only
    "shapes" is needed. Without feather there is only 0 and 255. Raises InvalidRequest with the codes
    invalid_mask_shape, mask_empty and, unless allowed, mask_full.
    """
    shapes = read_shapes(spec, against.size, param=param)
    finish = read_finish(spec, against.size, param=param)
    return marking(painted(shapes, against.size), finish, param=param, allow_full=allow_full)


def painted(shapes: Iterable[Shape], size: Size) -> Image.Image:
    """All shapes in one "L" image, 255 inside."""
    edit = Image.new("L", size)
    for shape in shapes:
        shape.paint(edit)
    return edit


def coloured(picture: Picture, colour: tuple[int, int, int], tolerance: int) -> Image.Image:
    """An "L" image, 255 where the picture, on a white ground, has the sRGB colour, give or take `tolerance` levels
    in each channel. Raises like `decode`.
    """
    image = flatten(decode_srgb(picture)).convert("RGB")
    near = [255 if abs(v - wanted) <= tolerance else 0 for wanted in colour for v in range(256)]
    red, green, blue = image.point(near).split()
    return ImageChops.darker(ImageChops.darker(red, green), blue)


def marking(edit: Image.Image, finish: Finish, *, param: str, allow_full: bool) -> Mask:
    """Grown, inverted, feathered, measured. InvalidRequest (mask_empty, mask_full)."""
    if finish.grow:
        edit = (widened if finish.grow > 0 else narrowed)(edit, abs(finish.grow))
    if finish.invert:
        edit = ImageChops.invert(edit)
    size = f"{edit.width}x{edit.height} pixels"
    nothing = f"of the picture's {size} none is left. Check the coordinates, unit, grow and invert."
    try:
        mask = measured(feathered(edit, finish.feather), empty=nothing)
        if not allow_full:
            refuse_full(mask, f"Of its {size} some must be kept. Draw less, or send no mask.")
    except UnfitError as unfit:
        raise refusal(unfit, param) from unfit
    return mask
