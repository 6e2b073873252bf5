"""The placement of an image on a canvas. The planning, prepare and postprocess stages share it."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom
FloatBox = tuple[float, float, float, float]  # left, top, right, bottom


@frozen_dataclass
class Placement:
    """An image of size `original`, scaled to fill `box` on a canvas of size `canvas`. All values are in pixels."""

    canvas: Size
    box: Box
    original: Size

    @property
    def size_on_canvas(self) -> Size:
        """Return the size of the image on the canvas."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    def box_on_canvas(self, box: Box) -> FloatBox:
        """Return a box of the original image in pixels of the canvas."""
        across, down = (
            scaled / edge for scaled, edge in zip(self.size_on_canvas, self.original, strict=True)
        )
        left, top = self.box[:2]
        return (
            left + box[0] * across,
            top + box[1] * down,
            left + box[2] * across,
            top + box[3] * down,
        )


def centred_placement(size_on_canvas: Size, canvas: Size, original: Size) -> Placement:
    """Return the placement of an image, scaled to `size_on_canvas`, in the centre of the canvas."""
    width, height = size_on_canvas
    left, top = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    return Placement(canvas, (left, top, left + width, top + height), original)


def full_canvas_placement(size: Size) -> Placement:
    """Return the placement of an image that is sent as it is."""
    return Placement(size, (0, 0, *size), size)
