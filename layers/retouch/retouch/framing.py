"""A picture's place on a canvas: what plan, prepare and finish tell each other about geometry."""

from __future__ import annotations

from dataclasses import dataclass

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of size `original`, scaled to `box` of a canvas."""

    canvas: Size
    box: Box
    original: Size

    @property
    def inner(self) -> Size:
        """The size of the picture on the canvas."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]
