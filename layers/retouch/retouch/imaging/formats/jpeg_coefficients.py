"""JPEG: the memory that a decoder needs beside the pixels.

A decoder writes the pixels of a sequential JPEG line by line. When the data of a block is spread over several scans, it
first collects the coefficients of the whole picture, with two bytes for each.
"""

from __future__ import annotations

from math import ceil

from retouch.imaging.errors import InvalidImage
from retouch.imaging.formats.jpeg import START_OF_SCAN, SUPPORTED_FRAMES, iter_segments
from retouch.imaging.limits import Limits

_PROGRESSIVE_FRAMES = (0xC2, 0xCA)
_COEFFICIENT_BYTES = 2


def check_coefficient_bytes(data: bytes, limits: Limits) -> None:
    """Raise InvalidImage when the coefficients of a checked JPEG exceed `limits.jpeg_coefficient_bytes`."""
    size = coefficient_bytes(data)
    if size > limits.jpeg_coefficient_bytes:
        raise InvalidImage(
            "image_too_large",
            f"is a progressive JPEG that needs {size} bytes to decode; at most {limits.jpeg_coefficient_bytes} are "
            "accepted. Save it as a baseline JPEG, save it with subsampling, or scale it down.",
        )


def coefficient_bytes(data: bytes) -> int:
    """Return the bytes of all coefficients that a decoder has to collect from a checked JPEG, or 0."""
    segments = {segment.code: segment for segment in iter_segments(data)}
    code = next(code for code in SUPPORTED_FRAMES if code in segments)
    frame = data[segments[code].start : segments[code].end]
    channels, scan_channels = frame[5], data[segments[START_OF_SCAN].start]
    if code not in _PROGRESSIVE_FRAMES and channels == scan_channels:
        return 0
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    factors = [divmod(factor, 16) for factor in frame[7::3]]
    max_across, max_down = (max(values) for values in zip(*factors, strict=True))
    return sum(
        _COEFFICIENT_BYTES * ceil(width * across / max_across) * ceil(height * down / max_down)
        for across, down in factors
    )
