"""Masks: read the caller's transparency into one internal form, and write it out again.

OpenAI's rule is that transparent means edit. Inside, 255 means edit and 0 means keep.
"""

from __future__ import annotations

from PIL import Image, ImageChops

from retouch.messages import Mask, Picture
from retouch.pixels.convert import decode_stored, plain, turn
from retouch.pixels.inspect import inspect
from retouch.pixels.limits import DEFAULT
from retouch.pixels.png_writer import write_alpha
from retouch.pixels.refusal import UnfitError, refusal

_CONVERT = (
    "Save it as a PNG with an alpha channel in which the area to edit is transparent (alpha 0) and "
    "the rest is opaque (alpha 255)."
)
_KEPT = [0 if value >= DEFAULT.mask_threshold else 255 for value in range(256)]


def read_mask(data: bytes, against: Picture, *, param: str = "mask") -> Mask:
    """The caller's mask, as large as `against` is displayed, its `source` the file as it came.

    A mask that marks everything is allowed. Raises InvalidRequest like `inspect`, and with the codes
    mask_size_mismatch, mask_without_alpha and mask_empty (no pixel is more than half transparent).
    """
    picture = inspect(data, param=param)
    try:
        _check(picture, against)
        return _measured(_transparency(picture, param), picture)
    except UnfitError as unfit:
        raise refusal(unfit, param) from unfit


def mask_from_alpha(picture: Picture) -> Mask | None:
    """What the picture's own transparency marks; None where it marks nothing.

    Raises InvalidRequest (image_parse_error) where the picture cannot be decoded.
    """
    if not picture.has_alpha:
        return None
    try:
        return _measured(_transparency(picture, "image"), None)
    except UnfitError:
        return None


def alpha_png(mask: Mask) -> Picture:
    """The mask as OpenAI wants it: an RGBA PNG, black, alpha 0 where marked and 255 elsewhere."""
    return inspect(write_alpha(mask.edit.point(_KEPT)))


def _check(picture: Picture, against: Picture) -> None:
    if picture.size != against.size:
        ours, theirs = (f"{p.width}x{p.height}" for p in (picture, against))
        text = f"has {ours} pixels and the image {theirs}; they must be equal. Scale or crop it."
        raise UnfitError("mask_size_mismatch", text)
    if not picture.has_alpha:
        why = ", which JPEG cannot have" if picture.format == "jpeg" else ""
        text = f"has no alpha channel{why}. {_CONVERT}"
        raise UnfitError("mask_without_alpha", text)


def _transparency(picture: Picture, param: str) -> Image.Image:
    """255 - alpha, upright, as "L"."""
    image, header = decode_stored(picture, param=param)
    if "A" not in image.getbands():
        image = plain(image).convert("RGBA")
    return turn(ImageChops.invert(image.getchannel("A")), header)


def _measured(edit: Image.Image, source: Picture | None) -> Mask:
    """Counted inside the marked area's box only: counting is slower than decoding a plain mask."""
    box = edit.getbbox()
    counts = edit.crop(box).histogram() if box else [0] * 256
    if not any(counts[DEFAULT.mask_threshold :]):
        text = f"marks nothing: no pixel is more than half transparent. {_CONVERT}"
        raise UnfitError("mask_empty", text)
    marked = sum(counts[DEFAULT.mask_threshold :])
    return Mask(edit, marked / (edit.width * edit.height), any(counts[1:255]), source)
