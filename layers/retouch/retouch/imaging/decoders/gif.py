"""Decode the frame of a GIF onto its screen."""

from __future__ import annotations

from io import BytesIO

from PIL import GifImagePlugin, Image

from retouch.imaging.formats.gif import read_frame, strip_metadata
from retouch.imaging.limits import DEFAULT_LIMITS


def load(data: bytes) -> Image.Image:
    """Return the pixels of a checked GIF. What the frame leaves empty is transparent."""
    frame = read_frame(data, DEFAULT_LIMITS)
    with GifImagePlugin.GifImageFile(BytesIO(strip_metadata(data))) as image:
        image.load()
    if not frame.is_partial:
        return image
    canvas = Image.new("RGBA", frame.screen)
    canvas.paste(image.convert("RGBA"), frame.box)
    return canvas
