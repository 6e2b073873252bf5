"""Restore the unmarked pixels of the original image around a generated result."""

from __future__ import annotations

from PIL import Image

from retouch.core.geometry import Placement, unplaced
from retouch.imaging.compose import composite_original, default_feather
from retouch.imaging.placement import crop_around, has_canvas_shape, locate_image


def restore_unmarked_pixels(
    original: Image.Image, result: Image.Image, mask: Image.Image, placement: Placement | None
) -> tuple[Image.Image, int, tuple[str, ...]]:
    """Return the original with the marked area taken from the result, its number of original pixels, and the notes.

    `placement` is how the original was sent (None: as it is). The result is mapped back by this placement. A result of
    another shape than the one that was sent is never stretched, and a note says so. `original` and `mask` are as for
    `composite_original`, which changes `original` in place.
    """
    sent = placement or unplaced(original.size)
    part, source_box = crop_around(result, locate_image(sent, result.size))
    image, preserved_pixels = composite_original(
        original, part, mask, feather=default_feather(original.size), source_box=source_box
    )
    return image, preserved_pixels, _shape_notes(sent, result.size)


def _shape_notes(sent: Placement, result_size: tuple[int, int]) -> tuple[str, ...]:
    if has_canvas_shape(sent, result_size):
        return ()
    return (
        f"preserve: the result has {result_size[0]}x{result_size[1]} pixels, another shape than the "
        f"{sent.canvas[0]}x{sent.canvas[1]} that were sent; the marked area is from its centre, not stretched",
    )
