"""The header of an image file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The header of an image file.

    Sizes are in pixels as stored. `orientation` is EXIF's 1..8, and 5..8 swap the sides.
    """

    width: int
    height: int
    has_alpha: bool
    orientation: int = 1

    @property
    def displayed_size(self) -> tuple[int, int]:
        """Return width and height after the orientation is applied."""
        size = (self.width, self.height)
        return size if self.orientation < 5 else size[::-1]
