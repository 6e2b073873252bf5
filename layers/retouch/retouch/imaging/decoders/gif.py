"""Decode the frame of a GIF onto its screen."""

from __future__ import annotations

from io import BytesIO

from PIL import GifImagePlugin

from retouch.imaging.formats.gif import read_frame, strip_metadata
from retouch.imaging.limits import DEFAULT_LIMITS
from retouch.imaging.masks.regions import split_into_bands
from retouch.imaging.pillow import Image


def load(data: bytes) -> Image.Image:
    """Return the pixels of a checked GIF. What the frame leaves empty is transparent."""
    frame = read_frame(data, DEFAULT_LIMITS)
    with GifImagePlugin.GifImageFile(BytesIO(strip_metadata(data))) as image:
        image.load()
    if not frame.is_partial:
        return image
    canvas = Image.new("RGBA", frame.screen)
    # One band at a time, because a second RGBA copy of a large frame does not fit into memory.
    for band in split_into_bands((0, 0, *image.size)):
        place = (frame.box[0] + band[0], frame.box[1] + band[1])
        canvas.paste(image.crop(band).convert("RGBA"), place)
    return canvas
