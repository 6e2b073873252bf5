"""The placement of an image on a canvas. The planning, prepare and postprocess stages share it."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Placement:
    """An image of size `original`, scaled to fill `box` on a canvas of size `canvas`. All values are in pixels."""

    canvas: Size
    box: Box
    original: Size

    @property
    def size_on_canvas(self) -> Size:
        """Return the size of the image on the canvas."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]
