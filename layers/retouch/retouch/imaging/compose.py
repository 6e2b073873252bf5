"""Restore the client's original pixels outside the mask, even where the provider changed them."""

from __future__ import annotations

from collections.abc import Iterator

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box, FloatBox, Size
from retouch.imaging.codec import has_transparency, normalize_mode
from retouch.imaging.colour import to_srgb
from retouch.imaging.masks.edges import feather_box
from retouch.imaging.masks.regions import box_area, split_into_bands
from retouch.imaging.pillow import Image

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
    original = _convert_to(common_mode(original, edited), original)
    marked_pixels = 0
    for band in iter_weighted_bands(mask, feather):
        part = crop_scaled(edited, band.box, source_box, original.size)
        blend_part(original, part, band.weight, band.box)
        marked_pixels += band.marked_pixels
    return original, original.width * original.height - marked_pixels


@frozen_dataclass
class WeightedBand:
    """A band of the marked area, and the weights of the result in it ("L")."""

    box: Box
    weight: Image.Image
    marked_pixels: int


def iter_weighted_bands(mask: Image.Image, feather: int) -> Iterator[WeightedBand]:
    """Yield the bounding box of a mask in bands, from the top. `mask` and `feather` are as for `composite_original`."""
    for box in split_into_bands(mask.getbbox()):
        marked_pixels = box_area(box) - mask.crop(box).histogram()[0]
        yield WeightedBand(box, feather_box(mask, box, feather), marked_pixels)


def default_feather(size: Size) -> int:
    """Return the feather width in pixels that hides the seam and costs little of the edit.

    It is 2 to 16 pixels, and 5 pixels for 1024x1024.
    """
    return max(2, min(16, round(min(size) / _FEATHER_DIVISOR)))


def common_mode(original: Image.Image, edited: Image.Image) -> str:
    """Return the mode that holds both images without loss.

    An alpha channel of the result that is 255 everywhere does not count as transparency.
    """
    if original.mode == "RGBA" or has_transparency(edited):
        return "RGBA"
    return "L" if original.mode == edited.mode == "L" else "RGB"


def _convert_to(mode: str, original: Image.Image) -> Image.Image:
    """Return the original in a mode that holds it without loss."""
    if original.mode == mode:
        return original
    if original.mode == "L":
        original = original.convert("RGB")
    if mode == "RGBA":
        original.putalpha(255)  # in place, without a copy
    return original


def crop_scaled(edited: Image.Image, band: Box, source_box: FloatBox, size: Size) -> Image.Image:
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


def blend_part(
    original: Image.Image, edited_part: Image.Image, weight: Image.Image, band: Box
) -> None:
    """Blend the edited part into the box `band` of the original, in place, with `weight` ("L").

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
