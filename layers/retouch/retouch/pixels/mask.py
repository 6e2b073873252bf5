"""Masks: read the caller's file into one internal form. Inside, 255 means edit and 0 means keep.

OpenAI's rule is that transparent means edit; most other services let white, a few black, mean that.
"""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageChops

from retouch.messages import Mask, Picture
from retouch.pixels.convert import decode_stored, flatten, plain, turn
from retouch.pixels.inspect import inspect
from retouch.pixels.measure import hardened, measured, refuse_full
from retouch.pixels.refusal import UnfitError, refusal
from retouch.pixels.structure import lossy

MaskMode = Literal["alpha", "white", "black"]

_CONVERT = (
    "Save it as a PNG with an alpha channel in which the area to edit is transparent (alpha 0) and "
    "the rest is opaque (alpha 255)."
)
_EMPTY = {
    "alpha": f"no pixel is more than half transparent. {_CONVERT}",
    "white": "no pixel is lighter than middle grey. Paint the area to edit white, the rest black.",
    "black": "no pixel is darker than middle grey. Paint the area to edit black, the rest white.",
}
_FULL = {
    "alpha": "Leave it out, or make what is to be kept opaque: transparent means edit.",
    "white": "Leave it out, or paint what is to be kept black: white means edit.",
    "black": "Leave it out, or paint what is to be kept white: black means edit.",
}


def read_mask(
    data: bytes,
    against: Picture,
    *,
    mode: MaskMode = "alpha",
    param: str = "mask",
    allow_full: bool = True,
) -> Mask:
    """The caller's mask, as large as `against` is displayed.

    `mode` names what marks the area to edit: "alpha" its transparency, "white" its lightness, "black"
    its darkness; in the last two, what is transparent is kept, and the greys of a lossy file, which
    are noise around black and white, become one or the other. `source` is set with "alpha" only.
    Raises InvalidRequest like `inspect`, and with the codes mask_size_mismatch, mask_without_alpha
    (with "alpha"), mask_empty (no pixel is more than half marked) and, unless allowed, mask_full.
    """
    picture = inspect(data, param=param)
    try:
        _check_size(picture, against)
        if mode == "alpha":
            _check_alpha(picture)
        edit = (
            _transparency(picture, param) if mode == "alpha" else _lightness(picture, mode, param)
        )
        mask = measured(edit, empty=_EMPTY[mode], source=picture if mode == "alpha" else None)
        if not allow_full:
            refuse_full(mask, _FULL[mode])
    except UnfitError as unfit:
        raise refusal(unfit, param) from unfit
    return mask


def mask_from_alpha(picture: Picture) -> Mask | None:
    """What the picture's own transparency marks; None where it marks nothing.

    Raises InvalidRequest (image_parse_error) where the picture cannot be decoded.
    """
    if not picture.has_alpha:
        return None
    try:
        return measured(_transparency(picture, "image"), empty=_EMPTY["alpha"])
    except UnfitError:
        return None


def _check_size(picture: Picture, against: Picture) -> None:
    if picture.size != against.size:
        ours, theirs = (f"{p.width}x{p.height}" for p in (picture, against))
        text = f"has {ours} pixels and the image {theirs}; they must be equal. Scale or crop it."
        raise UnfitError("mask_size_mismatch", text)


def _check_alpha(picture: Picture) -> None:
    if not picture.has_alpha:
        why = ", which JPEG cannot have" if picture.format == "jpeg" else ""
        text = (
            f"has no alpha channel{why}. {_CONVERT} Or send mask_mode: white or black means edit."
        )
        raise UnfitError("mask_without_alpha", text)


def _transparency(picture: Picture, param: str) -> Image.Image:
    """255 - alpha, upright, as "L"."""
    image, header = decode_stored(picture, param=param)
    if "A" not in image.getbands():
        image = plain(image).convert("RGBA")
    return turn(ImageChops.invert(image.getchannel("A")), header)


def _lightness(picture: Picture, mode: MaskMode, param: str) -> Image.Image:
    """How light ("white") or dark ("black") it is, upright, as "L"."""
    image, header = decode_stored(picture, param=param)
    levels = flatten(image, "black" if mode == "white" else "white").convert("L")
    if mode == "black":
        levels = ImageChops.invert(levels)
    if lossy(picture.data, picture.format):
        levels = hardened(levels)
    return turn(levels, header)
