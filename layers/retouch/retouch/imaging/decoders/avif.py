"""Decode an AVIF with Pillow."""

from __future__ import annotations

from io import BytesIO

from PIL import AvifImagePlugin

from retouch.imaging.decoders.heif_colour import crop_and_describe
from retouch.imaging.formats.avif import read_crop, read_icc_profile, strip_metadata
from retouch.imaging.pillow import Image


def load(data: bytes) -> Image.Image:
    """Return the displayed part of a checked AVIF, as stored."""
    with AvifImagePlugin.AvifImageFile(BytesIO(strip_metadata(data))) as image:
        image.load()
    return crop_and_describe(image, read_crop(data), read_icc_profile(data))
