"""The image formats that the gateway accepts and makes. Every other module reads them from here."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_FORMATS = ("png", "jpeg", "webp")
IMAGE_MEDIA_TYPES = tuple(f"image/{name}" for name in IMAGE_FORMATS)


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


def detect_format(data: bytes) -> str | None:
    """Return the format by the first bytes alone: "png", "jpeg" or "webp", or None for any other file."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None
