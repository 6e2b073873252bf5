"""Restore the client's original pixels outside the mask, even where the provider changed them."""

from __future__ import annotations

from PIL import Image

from retouch.core.edit_types import Size
from retouch.core.geometry import FloatBox
from retouch.imaging.codec import has_transparency, normalize_mode
from retouch.imaging.colour import to_srgb
from retouch.imaging.masks.edges import feather_box
from retouch.imaging.masks.regions import Box, box_area, split_into_bands

_FEATHER_DIVISOR = 200  # the default feather is the shorter side divided by this
_NONZERO_TO_255 = [0] + [255] * 255


def composite_original(
    original: Image.Image,
    result: Image.Image,
    mask: Image.Image,
    *,
    feather: int,
    source_box: FloatBox | None = None,
) -> tuple[Image.Image, int]:
    """Return the result where `mask` ("L", 255 = edit) marks it, and the exact original where the mask is 0.

    Between the two, both are mixed: by the grey values of the mask, and over about `feather` pixels inside the edge of
    the marked area (0: a hard edge). No pixel outside the mask is taken from the result.

    `original` is an image from `decode_srgb`. It is changed in place, because a second image of its size would not
    always fit into memory. For the same reason the work is done in bands, and only inside the bounding box of the mask.
    `source_box` is the part of the result that shows the original, in pixels of the result (None: all of it). Only the
    marked area of this part is scaled to the size of the original.

    The returned image is always sRGB: "RGBA" when either image has transparency, "L" when both are grey, otherwise
    "RGB". The second value is the number of pixels outside the mask. Raises ValueError when the mask has another size.
    """
    if original.size != mask.size:
        raise ValueError(f"original {original.size}, mask {mask.size}")
    edited = normalize_mode(to_srgb(result))
    source_box = source_box or (0, 0, *edited.size)
    original = _to_common_mode(original, edited)
    marked_pixels = 0
    for band in split_into_bands(mask.getbbox()):
        weight = feather_box(mask, band, feather)
        marked_pixels += box_area(band) - mask.crop(band).histogram()[0]
        _blend_band(original, _crop_scaled(edited, band, source_box, original.size), weight, band)
    return original, original.width * original.height - marked_pixels


def default_feather(size: Size) -> int:
    """Return the feather width in pixels that hides the seam and costs little of the edit.

    It is 2 to 16 pixels, and 5 pixels for 1024x1024.
    """
    return max(2, min(16, round(min(size) / _FEATHER_DIVISOR)))


def _to_common_mode(original: Image.Image, edited: Image.Image) -> Image.Image:
    """Return the original in a mode that holds both images without loss.

    An alpha channel of the result that is 255 everywhere does not count as transparency.
    """
    if original.mode != "RGBA" and has_transparency(edited):
        original = original.convert("RGB") if original.mode == "L" else original
        original.putalpha(255)  # in place, without a copy
    elif original.mode == "L" and edited.mode != "L":
        original = original.convert("RGB")
    return original


def _crop_scaled(edited: Image.Image, band: Box, source_box: FloatBox, size: Size) -> Image.Image:
    """Return the content of the box `band`, where `source_box` of `edited` stands for an image of `size`."""
    left, top = source_box[:2]
    across, down = (source_box[2] - left) / size[0], (source_box[3] - top) / size[1]
    source = (
        left + band[0] * across,
        top + band[1] * down,
        min(left + band[2] * across, edited.width),
        min(top + band[3] * down, edited.height),
    )
    if across == down == 1 and left == int(left) and top == int(top):
        return edited.crop(source)
    target_size = band[2] - band[0], band[3] - band[1]
    return edited.resize(target_size, Image.Resampling.LANCZOS, box=source)


def _blend_band(
    original: Image.Image, edited_part: Image.Image, weight: Image.Image, band: Box
) -> None:
    """Blend the edited part into the original, in place, with `weight` ("L").

    Where there is transparency, colours are weighted by their alpha, so that invisible colours have no effect.
    """
    edited_part = (
        edited_part if edited_part.mode == original.mode else edited_part.convert(original.mode)
    )
    if original.mode == "RGBA":
        original_part = original.crop(band)
        if has_transparency(original_part) or has_transparency(edited_part):
            mixed = Image.composite(
                edited_part.convert("RGBa"), original_part.convert("RGBa"), weight
            )
            edited_part, weight = mixed.convert("RGBA"), weight.point(_NONZERO_TO_255)
    original.paste(edited_part, band, weight)
