"""Planning rules for masks: the mask to use, its edges, and the notes about it."""

from __future__ import annotations

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest, Mask, MaskMarking
from retouch.core.errors import InvalidRequest
from retouch.imaging.masks.levels import harden_mask
from retouch.imaging.masks.read import mask_from_alpha

_MOST_OF_THE_IMAGE = 0.5
_COLOUR_HINT = "If another colour marks the area to edit, send mask_mode=auto."
_FULL_MASK_REMEDIES: dict[MaskMarking, str] = {
    "alpha": "make the area to preserve opaque: transparent means edit",
    "opaque": "make the area to preserve transparent: opaque means edit",
    "white": f"paint the area to preserve black: white means edit. {_COLOUR_HINT}",
    "black": f"paint the area to preserve white: black means edit. {_COLOUR_HINT}",
    "colour": "give the area to preserve the colour of the background: another colour means edit",
    "shapes": "draw smaller shapes",
}
_GUESSES: dict[MaskMarking, str] = {
    "alpha": "read the mask as alpha: its transparent pixels are marked",
    "white": "read the mask as white: its light pixels on a dark background are marked",
    "black": "read the mask as black: its dark pixels on a light background are marked",
    "colour": "marked the pixels of the mask that differ from its background",
}


def choose_mask(
    requested: ModelCapabilities, serving: ModelCapabilities, request: EditRequest
) -> Mask | None:
    """Return the mask to use, or None: the caller's mask, or else the image's transparency.

    The image's transparency is used only in two cases: the contract requires a mask, or the request has
    preserve=true and the model accepts masks. Otherwise a transparent background marks nothing. The mask has hard edges
    if the serving model does not support soft ones.

    Raises InvalidRequest when a required mask is missing, or when the mask marks the whole image without
    allow_full_mask=true.
    """
    mask = request.mask
    if mask is None and (requested.requires_mask or (request.preserve and requested.mask_format)):
        mask = mask_from_alpha(request.images[0])
        if mask is None and requested.requires_mask:
            raise InvalidRequest(
                f"{requested.id} edits the area that a mask or transparency in the image marks; "
                "the request has neither. "
                "Send 'mask', a PNG of the same size whose transparent pixels mark what to edit, "
                "another mask file with mask_mode, or shapes as JSON.",
                param="mask",
                code="mask_required",
            )
    if request.mask and request.mask.coverage == 1 and not request.allow_full_mask:
        raise _full_mask_error(request.mask)
    return mask if mask is None or supports_soft_edges(serving) else harden_mask(mask)


def supports_soft_edges(model: ModelCapabilities) -> bool:
    """Return whether the model reads grey levels of a mask as partial strength."""
    return model.mask_format is not None and model.mask_format.supports_soft_edges


def mask_notes(
    serving: ModelCapabilities, request: EditRequest, mask: Mask | None, *, is_restored: bool
) -> tuple[str, ...]:
    """Return the notes about the mask. `is_restored`: the gateway restores the original outside the mask."""
    if request.mask is None or mask is None:
        return _own_transparency_notes(serving, request, mask)
    origin, notes = mask.origin, []
    if origin.is_guessed:
        notes.append(
            f"mask_mode: auto {_GUESSES[origin.marking]} ({mask.coverage:.1%} of the image)"
        )
    if origin.is_default and mask.coverage > _MOST_OF_THE_IMAGE:
        notes.append(
            f"mask: its transparent pixels mark {mask.coverage:.1%} of the image; "
            "if the opaque pixels mark the area to edit, send mask_mode=opaque"
        )
    if origin.scaled_from:
        sizes = [f"{width}x{height}" for width, height in (origin.scaled_from, mask.pixels.size)]
        notes.append(f"mask: scaled from {sizes[0]} to {sizes[1]} without smoothing")
    if origin.is_turned:
        notes.append("mask: turned like the image by its EXIF orientation")
    if origin.is_thresholded:
        notes.append("mask: pixels that are at least half marked count as marked, others do not")
    if mask.blend_pixels is not None:
        effect = (
            "the gateway makes the soft edge when it restores the original"
            if is_restored
            else "so the soft edge has no effect"
        )
        notes.append(f"mask: {serving.id} takes hard edges only; {effect}")
    return tuple(notes)


def _own_transparency_notes(
    serving: ModelCapabilities, request: EditRequest, mask: Mask | None
) -> tuple[str, ...]:
    """Return a note when the first image has an alpha channel that is not the mask.

    The file's header decides, because the pixels are not decoded: they may all be opaque.
    """
    if mask is not None or not request.images[0].has_alpha:
        return ()
    remedy = ""
    if serving.mask_format:
        remedy = "; to edit its transparent pixels only, send preserve=true"
    elif serving.follows_instructions:
        remedy = "; to edit an area only, send a mask and preserve=true"
    return (f"image: its alpha channel is not a mask{remedy}",)


def _full_mask_error(mask: Mask) -> InvalidRequest:
    remedy = _FULL_MASK_REMEDIES[mask.origin.marking]
    if mask.origin.grow > 0:
        name = "grow" if mask.origin.marking == "shapes" else "mask_grow"
        remedy = f"send a smaller '{name}' than {mask.origin.grow}"
    remedy = remedy if remedy.endswith(".") else f"{remedy}."
    return InvalidRequest(
        "The mask marks the whole image. Leave it out to edit everything, send allow_full_mask=true, or "
        + remedy,
        param="mask",
        code="mask_full",
    )
