"""Masks in the words of the providers: which colour, or which alpha, means edit."""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageChops

from retouch.messages import Mask, Picture
from retouch.pixels.inspect import inspect
from retouch.pixels.measure import hardened
from retouch.pixels.png_writer import write_png
from retouch.pixels.regions import Box

MaskPaint = Literal["alpha", "white", "black"]
PaintMode = Literal["RGBA", "L", "RGB"]


def write_mask(mask: Mask, paint: MaskPaint, *, mode: PaintMode, soft: bool) -> Picture:
    """The mask as a PNG as large as `mask.edit`, with 8 bits a channel, of exactly that mode.

    `paint` says how the PNG marks what to edit: "alpha" by alpha 0 on black, opaque elsewhere (always
    RGBA), "white" by 255, "black" by 0; those two are opaque. With `soft` every grey is kept as it is,
    without it there are only 0 and 255. Raises ValueError for "alpha" in a mode that has none.
    """

    def part(box: Box) -> Image.Image:
        edit = mask.edit.crop(box)
        levels = edit if soft else hardened(edit)
        return _painted(levels if paint == "white" else ImageChops.invert(levels), paint, mode)

    if paint == "alpha" and mode != "RGBA":
        raise ValueError(f"an alpha mask needs RGBA, not {mode}")
    return inspect(write_png(mask.edit.size, mode, part, soft=soft and mask.soft))


def _painted(levels: Image.Image, paint: MaskPaint, mode: PaintMode) -> Image.Image:
    if paint != "alpha":
        return levels.convert(mode)
    empty = Image.new("L", levels.size)
    return Image.merge("RGBA", (empty, empty, empty, levels))
