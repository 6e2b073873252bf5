"""The choice of `fit` for a request that does not name one."""

from __future__ import annotations

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EditRequest, FitMode, Mask
from retouch.core.sizes import parse_size


def choose_fit_mode(model: ModelCapabilities, request: EditRequest, mask: Mask | None) -> FitMode:
    """Return the request's `fit`, where "auto" becomes "pad" or "strict".

    "auto" becomes "pad" when the gateway restores the unmarked pixels, because they can only be restored in the size
    of the image. It becomes "strict" when the request has no mask, has preserve=false or names another size.
    """
    if request.fit_mode != "auto":
        return request.fit_mode
    restores_pixels = mask is not None and request.preserve is not False
    can_undo = not model.changes_geometry
    return "pad" if restores_pixels and can_undo and find_other_size(request) is None else "strict"


def find_other_size(request: EditRequest) -> str | None:
    """Return the name of the parameter that asks for another size than that of the first image, or None."""
    size = str(request.params.get("size", "auto"))
    if size != "auto" and parse_size(size) != request.images[0].size:
        return "size"
    return "aspect_ratio" if request.params.get("aspect_ratio", "auto") != "auto" else None
