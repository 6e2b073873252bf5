"""Write masks in the formats of the providers: which colour, or which alpha value, means edit."""

from __future__ import annotations

from typing import Literal

from retouch.core.edit_types import EncodedImage, Mask
from retouch.core.geometry import Box
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.levels import harden_levels
from retouch.imaging.pillow import Image, ImageChops
from retouch.imaging.png_writer import write_png

MaskPolarity = Literal["alpha", "white", "black"]
PixelMode = Literal["RGBA", "L", "RGB"]


def write_mask(mask: Mask, polarity: MaskPolarity, *, mode: PixelMode, soft: bool) -> EncodedImage:
    """Return the mask as a PNG as large as `mask.pixels`, with 8 bits a channel, in exactly that mode.

    `polarity` says how the PNG marks the area to edit: "alpha" by alpha 0 on black, opaque elsewhere (always RGBA),
    "white" by 255, "black" by 0. The last two are opaque. With `soft` every grey value stays; without it there are only
    0 and 255. Raises ValueError for "alpha" in a mode without alpha.
    """

    def render_band(box: Box) -> Image.Image:
        mask_levels = mask.pixels.crop(box)
        levels = mask_levels if soft else harden_levels(mask_levels, mask.edge)
        return _apply_polarity(
            levels if polarity == "white" else ImageChops.invert(levels), polarity, mode
        )

    if polarity == "alpha" and mode != "RGBA":
        raise ValueError(f"an alpha mask needs RGBA, not {mode}")
    return inspect_image(
        write_png(mask.pixels.size, mode, render_band, soft=soft and mask.has_soft_edges)
    )


def _apply_polarity(levels: Image.Image, polarity: MaskPolarity, mode: PixelMode) -> Image.Image:
    if polarity != "alpha":
        return levels.convert(mode)
    black = Image.new("L", levels.size)
    return Image.merge("RGBA", (black, black, black, levels))
