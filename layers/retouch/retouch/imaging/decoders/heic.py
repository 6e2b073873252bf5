"""Decode a HEIC with libheif, which is a library of its own and is loaded only here."""

from __future__ import annotations

import pillow_heif

from retouch.imaging.decoders.heif_colour import crop_and_describe
from retouch.imaging.formats.heic import read_crop, read_icc_profile, strip_metadata
from retouch.imaging.free_memory import release_free_memory
from retouch.imaging.pillow import Image

# `strip_metadata` leaves none of these in the file.
pillow_heif.options.THUMBNAILS = False
pillow_heif.options.DEPTH_IMAGES = False
pillow_heif.options.AUX_IMAGES = False


def load(data: bytes) -> Image.Image:
    """Return the displayed part of a checked HEIC, as stored, with 8 bits a channel."""
    image = _decode(strip_metadata(data))
    return crop_and_describe(image, read_crop(data), read_icc_profile(data))


def _decode(data: bytes) -> Image.Image:
    source = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, remove_stride=False)
    pixels, stride = source.data, source.stride
    release_free_memory()
    image = Image.frombytes(source.mode, source.size, pixels, "raw", source.mode, stride)
    return image.convert("RGBA") if image.mode == "RGBa" else image
