"""The choice of `fit` for a request that does not name one.

- strict: an image that the model does not accept is rejected.
- scale: it is scaled into the limits.
- pad: it is scaled into the limits and padded to a size that the model makes.
- auto: the same as pad, but an image is sent as it is where the model accepts it and makes its shape.
"""

from __future__ import annotations

from dataclasses import replace

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest, FitMode, Mask
from retouch.core.sizes import FixedSizes, SizeRange, parse_size

PADDING_MODES: tuple[FitMode, ...] = ("pad", "auto")  # the result has the size of the first image


def choose_fit_mode(model: ModelCapabilities, request: EditRequest, mask: Mask | None) -> FitMode:
    """Return the request's `fit`. "auto" becomes "strict" unless the gateway restores the unmarked pixels.

    They can only be restored in the size of the image. They are not restored when the request has no mask, has
    preserve=false or names another size.
    """
    if request.fit_mode != "auto":
        return request.fit_mode
    restores_pixels = mask is not None and request.preserve is not False
    can_undo = not model.changes_geometry
    return "auto" if restores_pixels and can_undo and find_other_size(request) is None else "strict"


def find_other_size(request: EditRequest) -> str | None:
    """Return the name of the parameter that asks for another size than that of the first image, or None."""
    size = str(request.params.get("size", "auto"))
    if size != "auto" and parse_size(size) != request.images[0].size:
        return "size"
    return "aspect_ratio" if request.params.get("aspect_ratio", "auto") != "auto" else None


def drop_own_size(
    model: ModelCapabilities, request: EditRequest
) -> tuple[EditRequest, tuple[str, ...]]:
    """Return the request without a `size` that is the image's own and that the model does not make, and a note.

    The modes that pad return this size in any case. `fit_mode` must be chosen already.
    """
    spec, size = model.params.get("size"), request.images[0].size
    named_size = parse_size(str(request.params.get("size", "auto")))
    if request.fit_mode not in PADDING_MODES or named_size != size:
        return request, ()
    if not isinstance(spec, FixedSizes | SizeRange) or spec.is_allowed(size):
        return request, ()
    params = {name: value for name, value in request.params.items() if name != "size"}
    note = (
        f"size: {model.id} does not make {size[0]}x{size[1]}; "
        "the result was made in another size and returned in this one"
    )
    return replace(request, params=params), (note,)
