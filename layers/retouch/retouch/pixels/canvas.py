"""What is being filled, and what of it is known."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from retouch.pixels.regions import Box, moved


@dataclass(frozen=True, slots=True)
class Canvas:
    """A part of a picture that is filled in place. Masks are "L", as large, 255 = yes."""

    image: Image.Image  # "RGB"
    hole: Image.Image  # still to be filled
    barred: Image.Image  # never to be copied from

    def part(self, box: Box, frame: Box) -> Image.Image:
        """The hole's part in `box`, as a mask for the image's part in `frame`."""
        part = Image.new("L", (frame[2] - frame[0], frame[3] - frame[1]))
        part.paste(self.hole.crop(box), moved(box, -frame[0], -frame[1]))
        return part
