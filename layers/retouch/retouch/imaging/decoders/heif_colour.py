"""Finish a decoded HEIC or AVIF: cut out what is displayed, and say what its colours mean."""

from __future__ import annotations

from retouch.core.geometry import Box
from retouch.imaging.pillow import Image


def crop_and_describe(image: Image.Image, crop: Box, icc_profile: bytes) -> Image.Image:
    """Return the displayed part of the image, with its colour profile as the only entry of `info`."""
    displayed = image if crop == (0, 0, *image.size) else image.crop(crop)
    displayed.info = {"icc_profile": icc_profile} if icc_profile else {}
    return displayed
