"""Read the client's mask file into the internal form, where 255 means edit and 0 means preserve.

In OpenAI's API transparent means edit. In most other services white means edit, and in a few black does.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal

from PIL import Image, ImageChops

from retouch.core.edit_types import EncodedImage, Mask
from retouch.imaging.codec import apply_orientation, decode_as_stored, flatten, normalize_mode
from retouch.imaging.errors import InvalidImage, to_invalid_request
from retouch.imaging.formats.structure import is_lossy
from retouch.imaging.inspect import inspect_image
from retouch.imaging.limits import DEFAULT_LIMITS

MaskMode = Literal["alpha", "white", "black"]

_ALPHA_REMEDY = (
    "Save it as a PNG with an alpha channel in which the area to edit is transparent (alpha 0) and "
    "the rest is opaque (alpha 255)."
)
_EMPTY_MASK_REASONS = {
    "alpha": f"no pixel is more than half transparent. {_ALPHA_REMEDY}",
    "white": "no pixel is lighter than middle grey. Paint the area to edit white, the rest black.",
    "black": "no pixel is darker than middle grey. Paint the area to edit black, the rest white.",
}
_FULL_MASK_REMEDIES = {
    "alpha": "Leave it out, or make the area to preserve opaque: transparent means edit.",
    "white": "Leave it out, or paint the area to preserve black: white means edit.",
    "black": "Leave it out, or paint the area to preserve white: black means edit.",
}


def read_mask(
    data: bytes,
    image: EncodedImage,
    *,
    mode: MaskMode = "alpha",
    param: str = "mask",
    allow_full: bool = True,
) -> Mask:
    """Return the client's mask, in the size in which `image` is displayed.

    `mode` names what marks the area to edit: "alpha" means transparent pixels, "white" light pixels, "black" dark
    pixels. With "white" and "black", transparent pixels are preserved. With these two, a lossy file is reduced to 0 and
    255, because its greys are noise around black and white. `source_file` is set with "alpha" only.

    Raises InvalidRequest like `inspect_image`, and with the codes mask_size_mismatch, mask_without_alpha (with
    "alpha"), mask_empty (no pixel is more than half marked) and, unless `allow_full`, mask_full.
    """
    mask_image = inspect_image(data, param=param)
    try:
        _check_same_size(mask_image, image)
        if mode == "alpha":
            _check_alpha(mask_image)
        levels = (
            _levels_from_alpha(mask_image, param)
            if mode == "alpha"
            else _levels_from_lightness(mask_image, mode, param)
        )
        mask = build_mask(
            levels,
            empty_reason=_EMPTY_MASK_REASONS[mode],
            source=mask_image if mode == "alpha" else None,
        )
        if not allow_full:
            reject_full_mask(mask, _FULL_MASK_REMEDIES[mode])
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error
    return mask


def mask_from_alpha(image: EncodedImage) -> Mask | None:
    """Return the mask that the image's own transparency marks, or None when it marks nothing.

    Raises InvalidRequest (image_parse_error) when the image cannot be decoded.
    """
    if not image.has_alpha:
        return None
    try:
        return build_mask(
            _levels_from_alpha(image, "image"), empty_reason=_EMPTY_MASK_REASONS["alpha"]
        )
    except InvalidImage:
        return None


def _check_same_size(mask_image: EncodedImage, image: EncodedImage) -> None:
    if mask_image.size != image.size:
        mask_size, image_size = (f"{p.width}x{p.height}" for p in (mask_image, image))
        message = f"has {mask_size} pixels and the image {image_size}; they must be equal. Scale or crop it."
        raise InvalidImage("mask_size_mismatch", message)


def _check_alpha(mask_image: EncodedImage) -> None:
    if not mask_image.has_alpha:
        reason = ", which JPEG cannot have" if mask_image.format == "jpeg" else ""
        message = f"has no alpha channel{reason}. {_ALPHA_REMEDY} Or send mask_mode: white or black means edit."
        raise InvalidImage("mask_without_alpha", message)


def _levels_from_alpha(encoded: EncodedImage, param: str) -> Image.Image:
    """Return 255 - alpha, upright, as "L"."""
    pixels, header = decode_as_stored(encoded, param=param)
    if "A" not in pixels.getbands():
        pixels = normalize_mode(pixels).convert("RGBA")
    return apply_orientation(ImageChops.invert(pixels.getchannel("A")), header)


def _levels_from_lightness(encoded: EncodedImage, mode: MaskMode, param: str) -> Image.Image:
    """Return the lightness ("white") or the darkness ("black") of the image, upright, as "L"."""
    pixels, header = decode_as_stored(encoded, param=param)
    levels = flatten(pixels, "black" if mode == "white" else "white").convert("L")
    if mode == "black":
        levels = ImageChops.invert(levels)
    if is_lossy(encoded.data, encoded.format):
        levels = threshold(levels)
    return apply_orientation(levels, header)


_THRESHOLD_TABLE = [255 if value >= DEFAULT_LIMITS.mask_threshold else 0 for value in range(256)]


def build_mask(
    levels: Image.Image, *, empty_reason: str, source: EncodedImage | None = None
) -> Mask:
    """Return the Mask of an "L" image, 255 = edit. Raises InvalidImage (mask_empty) when it marks nothing.

    `empty_reason` is the reason and the remedy in the error message. Pixels are counted only inside the bounding box of
    the marked area, because counting is slower than decoding a plain mask.
    """
    box = levels.getbbox()
    counts = levels.crop(box).histogram() if box else [0] * 256
    marked = sum(counts[DEFAULT_LIMITS.mask_threshold :])
    if not marked:
        raise InvalidImage("mask_empty", f"marks nothing: {empty_reason}")
    return Mask(levels, marked / (levels.width * levels.height), any(counts[1:255]), source)


def threshold(levels: Image.Image) -> Image.Image:
    """Return the mask with only 0 and 255. A pixel that is at least half marked becomes 255."""
    return levels.point(_THRESHOLD_TABLE)


def union_masks(masks: Iterable[Image.Image]) -> Image.Image:
    """Return an "L" image that marks every pixel that any of the "L" images marks."""
    return reduce(ImageChops.lighter, masks)


def reject_full_mask(mask: Mask, remedy: str) -> None:
    """Raise InvalidImage (mask_full) when the mask marks every pixel."""
    if mask.coverage == 1.0:
        raise InvalidImage("mask_full", f"marks the whole image. {remedy}")
