"""Read the client's mask file into the internal form, where 255 means edit and 0 means preserve.

In OpenAI's API transparent means edit. In most other services white means edit, and in a few black does. The levels of
a mask are taken as the file stores them: a colour profile or gamma of a mask has no meaning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from retouch.core.edit_types import EncodedImage, Mask, MaskMarking, MaskOrigin
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.image_formats import ImageHeader
from retouch.imaging.codec import apply_orientation, decode_as_stored, flatten
from retouch.imaging.errors import InvalidImage, to_invalid_request
from retouch.imaging.formats.structure import is_lossy
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.adjust import MaskAdjustments, adjust_levels, build_mask
from retouch.imaging.masks.guess import (
    MarkedLevels,
    guess_by_colour,
    guess_marking,
    invert_alpha,
)
from retouch.imaging.masks.levels import harden_levels, settle_levels
from retouch.imaging.pillow import Image, ImageChops

MaskMode = Literal["alpha", "opaque", "white", "black", "auto"]
NO_ADJUSTMENTS = MaskAdjustments()

_ALPHA_REMEDY = (
    "save it as a PNG with an alpha channel in which the area to edit is transparent (alpha 0) and "
    "the rest is opaque (alpha 255)."
)
_COLOUR_HINT = "If another colour marks the area to edit, send mask_mode=auto."
_EMPTY_MASK_REASONS: dict[MaskMarking, str] = {
    "alpha": "no pixel is more than half transparent.",
    "opaque": "no pixel is at least half opaque. Paint on a transparent canvas with an opacity of 100 %.",
    "white": "no pixel is lighter than middle grey. Paint the area to edit white, the rest black.",
    "black": "no pixel is darker than middle grey. Paint the area to edit black, the rest white.",
    "colour": "no pixel differs from the background. Paint the area to edit in another colour.",
}
# What the colours of an opaque file suggest, for errors about its transparency.
_COLOUR_REMEDIES: dict[MaskMarking, str] = {
    "white": "It is white on black: send mask_mode=white if white means edit.",
    "black": "It is black on white: send mask_mode=black if black means edit.",
    "colour": "It has a colour on a uniform background: send mask_mode=auto if the colour means edit.",
}
_ANY_COLOUR_REMEDY = "Send mask_mode=white or black if that colour means edit."
_TURN_REMEDIES = {
    5: "Mirror it and turn it by 90 degrees",
    6: "Turn it by 90 degrees clockwise",
    7: "Mirror it and turn it by 90 degrees",
    8: "Turn it by 90 degrees counterclockwise",
}


@frozen_dataclass
class _Alignment:
    """What brings a mask file to the image as displayed."""

    stored_header: ImageHeader | None = None  # of the image, which says how to turn the mask
    scale_to: Size | None = None


def read_mask(
    data: bytes,
    image: EncodedImage,
    *,
    mode: MaskMode = "alpha",
    adjustments: MaskAdjustments = NO_ADJUSTMENTS,
    param: str = "mask",
) -> Mask:
    """Return the client's mask, in the size in which `image` is displayed.

    `mode` names what marks the area to edit: "alpha" means transparent pixels, "opaque" the others, "white" light
    pixels, "black" dark pixels. With "white" and "black", transparent pixels are preserved. "auto" guesses it from the
    file, and also turns a mask of the image's stored pixels and scales a mask of the same shape. `settle_levels`
    decides which grey levels are soft edges. `adjustments` apply to the pixels that are at least half marked.
    `source_file` is set if these are exactly the transparent pixels of the file.

    Raises InvalidRequest like `inspect_image`, and with the codes mask_size_mismatch, mask_without_alpha (with "alpha"
    and "opaque"), mask_mode_ambiguous (with "auto") and mask_empty (no pixel is at least half marked).
    """
    mask_image = inspect_image(data, param=param)
    try:
        alignment = _align(mask_image, image, mode)
        if mode in ("alpha", "opaque"):
            _check_alpha(mask_image, mode, param)
        mask = _build_file_mask(mask_image, mode, alignment, param)
        return _adjust_mask(mask, adjustments) if adjustments else mask
    except InvalidImage as error:
        raise to_invalid_request(error, param) from error


def mask_from_alpha(image: EncodedImage) -> Mask | None:
    """Return the mask that the image's own transparency marks, or None when it marks nothing.

    Raises InvalidRequest (image_parse_error) when the image cannot be decoded.
    """
    if not image.has_alpha:
        return None
    settled = settle_levels(_read_levels(image, "alpha", "image").pixels)
    try:
        return build_mask(
            settled.pixels,
            settled.edge,
            MaskOrigin(),
            explain_empty=lambda: _EMPTY_MASK_REASONS["alpha"],
        )
    except InvalidImage:
        return None


def _build_file_mask(
    mask_image: EncodedImage, mode: MaskMode, alignment: _Alignment, param: str
) -> Mask:
    """Return the mask of a file without adjustments.

    It is scaled after its levels are settled and without smoothing, so that scaling makes no new levels.
    """
    marked = _read_levels(mask_image, mode, param)
    header, target_size = alignment.stored_header, alignment.scale_to
    levels = apply_orientation(marked.pixels, header) if header else marked.pixels
    settled = settle_levels(levels, is_lossy=is_lossy(mask_image.data, mask_image.format))
    pixels = settled.pixels
    if target_size:
        pixels = pixels.resize(target_size, Image.Resampling.NEAREST)
    is_unchanged = pixels is marked.pixels and marked.marking == "alpha"
    origin = MaskOrigin(
        marked.marking,
        is_guessed=mode == "auto",
        is_turned=header is not None,
        scaled_from=mask_image.size if target_size else None,
        is_thresholded=settled.is_thresholded,
    )
    return build_mask(
        pixels,
        settled.edge,
        origin,
        explain_empty=lambda: _explain_empty_mask(mask_image, marked.marking, param),
        source=mask_image if is_unchanged else None,
    )


def _adjust_mask(mask: Mask, adjustments: MaskAdjustments) -> Mask:
    """Return the mask after grow and feather. Both start from the pixels that are at least half marked."""
    origin = replace(
        mask.origin,
        is_thresholded=mask.origin.is_thresholded or mask.has_soft_edges,
        grow=adjustments.grow,
    )
    return build_mask(
        adjust_levels(harden_levels(mask.pixels, mask.edge), adjustments),
        "feathered" if adjustments.feather else "hard",
        origin,
        explain_empty=lambda: (
            f"mask_grow={adjustments.grow} removes the whole marked area. Send a value nearer to 0."
        ),
    )


def _align(mask_image: EncodedImage, image: EncodedImage, mode: MaskMode) -> _Alignment:
    """Return what brings the mask to the image as displayed.

    Raises InvalidImage (mask_size_mismatch) when the mask has another size. With "auto" it may have the size of the
    stored pixels of a turned image, or the shape of the image in another size.
    """
    if mask_image.size == image.size:
        return _Alignment()
    header = image.header
    stored_size = (header.width, header.height) if header else image.size
    turning_header = header if stored_size != image.size else None
    if mode == "auto":
        if turning_header and mask_image.size == stored_size:
            return _Alignment(turning_header)
        if _has_same_shape(mask_image.size, image.size):
            return _Alignment(scale_to=image.size)
        if turning_header and _has_same_shape(mask_image.size, stored_size):
            return _Alignment(turning_header, scale_to=image.size)
    raise InvalidImage("mask_size_mismatch", _size_problem(mask_image, image, turning_header))


def _size_problem(
    mask_image: EncodedImage, image: EncodedImage, turning_header: ImageHeader | None
) -> str:
    """Return what is wrong with the size of a mask, and the remedy."""
    mask_size, image_size = (f"{p.width}x{p.height}" for p in (mask_image, image))
    if turning_header and mask_image.size == (turning_header.width, turning_header.height):
        return (
            f"has {mask_size} pixels, the size of the image as it is stored; its EXIF orientation turns the image to "
            f"{image_size}. {_TURN_REMEDIES[turning_header.orientation]}, or send mask_mode=auto, which turns it."
        )
    if _has_same_shape(mask_image.size, image.size):
        return (
            f"has {mask_size} pixels and the image {image_size}; they must be equal. Scale the mask to {image_size}, "
            "without smoothing (nearest neighbour), or send mask_mode=auto, which scales it."
        )
    return (
        f"has {mask_size} pixels and the image {image_size}; they must be equal, and their shapes differ too. Make "
        f"the mask from the whole image, with {image_size} pixels."
    )


def _has_same_shape(mask_size: Size, size: Size) -> bool:
    """Return whether the mask is a scaled copy, if its sides were rounded to whole pixels."""
    return abs(mask_size[0] * size[1] - mask_size[1] * size[0]) <= max(size)


def _check_alpha(mask_image: EncodedImage, mode: MaskMode, param: str) -> None:
    if mask_image.has_alpha:
        return
    reason = ", which JPEG cannot have" if mask_image.format == "jpeg" else ""
    suggestion = _suggest_marking(mask_image, param) or _ANY_COLOUR_REMEDY
    remedy = (
        _ALPHA_REMEDY
        if mode == "alpha"
        else "save it as a PNG with the area to edit on a transparent canvas."
    )
    raise InvalidImage(
        "mask_without_alpha", f"has no alpha channel{reason}. {_join_remedies(suggestion, remedy)}"
    )


def _join_remedies(suggestion: str, remedy: str) -> str:
    """Return both as alternatives, or the remedy alone when there is no suggestion."""
    return f"{suggestion} Or {remedy}" if suggestion else f"{remedy[0].upper()}{remedy[1:]}"


def _explain_empty_mask(mask_image: EncodedImage, marking: MaskMarking, param: str) -> str:
    """Return why the file marks nothing, and the remedy. The colours of an opaque file suggest another mode."""
    remedies = {
        "alpha": _join_remedies(_suggest_marking(mask_image, param), _ALPHA_REMEDY),
        "white": _COLOUR_HINT,
        "black": _COLOUR_HINT,
    }
    return f"{_EMPTY_MASK_REASONS[marking]} {remedies.get(marking, '')}".rstrip()


def _suggest_marking(mask_image: EncodedImage, param: str) -> str:
    """Return the remedy that the colours of a mask file suggest, or "" when they suggest none."""
    try:
        marking = guess_by_colour(decode_as_stored(mask_image, param=param)[0]).marking
    except InvalidImage:
        return ""
    return _COLOUR_REMEDIES[marking]


def _read_levels(encoded: EncodedImage, mode: MaskMode, param: str) -> MarkedLevels:
    """Return the levels of a file, upright, as "L", and what marks its pixels."""
    pixels, header = decode_as_stored(encoded, param=param)
    marked = guess_marking(pixels) if mode == "auto" else _mark_by_mode(pixels, mode)
    return MarkedLevels(apply_orientation(marked.pixels, header), marked.marking)


def _mark_by_mode(pixels: Image.Image, mode: MaskMarking) -> MarkedLevels:
    """Return what an explicit mode marks: transparency, opacity, lightness or darkness."""
    if mode in ("alpha", "opaque"):
        levels = invert_alpha(pixels)
        return MarkedLevels(levels if mode == "alpha" else ImageChops.invert(levels), mode)
    levels = flatten(pixels, "black" if mode == "white" else "white").convert("L")
    return MarkedLevels(levels if mode == "white" else ImageChops.invert(levels), mode)
