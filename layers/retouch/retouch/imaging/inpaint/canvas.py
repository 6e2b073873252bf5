"""The working copy of an image that is inpainted."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Box
from retouch.imaging.masks.regions import shift_box
from retouch.imaging.pillow import Image


@frozen_dataclass
class InpaintCanvas:
    """A part of an image that is filled in place. The masks are "L" images of the same size; 255 means yes."""

    image: Image.Image  # "RGB"
    hole: Image.Image  # pixels that are not filled yet
    excluded: Image.Image  # pixels that must never be copied

    def hole_mask(self, box: Box, window: Box) -> Image.Image:
        """Return the part of the hole that lies in `box`, as a mask for the part of the image in `window`."""
        mask = Image.new("L", (window[2] - window[0], window[3] - window[1]))
        mask.paste(self.hole.crop(box), shift_box(box, -window[0], -window[1]))
        return mask
