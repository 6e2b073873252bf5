"""The image formats that the gateway accepts and makes. Every other module reads them from here."""

from __future__ import annotations

IMAGE_FORMATS = ("png", "jpeg", "webp")
IMAGE_MEDIA_TYPES = tuple(f"image/{name}" for name in IMAGE_FORMATS)


def detect_format(data: bytes) -> str | None:
    """Return the format by the first bytes alone: "png", "jpeg" or "webp", or None for any other file."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None
