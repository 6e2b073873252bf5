"""What a picture's header says, the same for every format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """Sizes are as stored, in pixels; `orientation` is EXIF's 1..8, where 5..8 swap the sides."""

    width: int
    height: int
    has_alpha: bool
    orientation: int = 1

    @property
    def displayed(self) -> tuple[int, int]:
        """Width and height once the orientation is applied."""
        size = (self.width, self.height)
        return size if self.orientation < 5 else size[::-1]
