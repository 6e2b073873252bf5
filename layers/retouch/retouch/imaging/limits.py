"""The limits for image files, in one table."""

from __future__ import annotations

from retouch.core.frozen_dataclass import frozen_dataclass


@frozen_dataclass
class Limits:
    """The limits for every image. Byte and pixel values are counts; `side` is in pixels."""

    image_bytes: int = 50_000_000
    pixels: int = 52_000_000  # phones make 50.1 million
    webp_pixels: int = 30_000_000  # WebP codecs need four times the memory of the others
    # The lossless encoder needs 25 bytes a pixel beside the image: 300 MB for the 12 megapixels of a phone.
    lossless_webp_pixels: int = 12_500_000
    side: int = 16_384
    ancillary_chunks: int = 1_000  # PNG chunks that do not hold image content
    # Chunks or segments of any kind. The time to read a file depends on this count.
    pieces: int = 16_384
    # The pixels of a JPEG times its scans. A decoder visits every block in every scan. Encoders write 1 to 20 scans.
    # This allows 30 scans for the largest picture and 133 for 12 million pixels, and keeps decoding to a few seconds.
    jpeg_scan_pixels: int = 1_600_000_000
    # The coefficients of a progressive JPEG, which are in memory beside its pixels. This allows 52 million pixels with
    # 4:2:0 or 4:2:2, 35 million without subsampling, and 26 million in CMYK.
    jpeg_coefficient_bytes: int = 210_000_000
    text_bytes: int = 1_048_576  # all compressed PNG metadata of a file, after inflation
    mask_threshold: int = 128  # a mask pixel with at least this value counts as marked


DEFAULT_LIMITS = Limits()
# The bytes of a result are limited where they are received. A file that the gateway made can have three bytes a pixel.
RESULT_LIMITS = Limits(image_bytes=220_000_000)
MAX_WEBP_EDGE = 16_383  # pixels per edge; the WebP header cannot hold more


def exceeds_webp_limits(size: tuple[int, int]) -> bool:
    """Return whether an image of this size, in pixels, is too large for a WebP file."""
    return max(size) > MAX_WEBP_EDGE or size[0] * size[1] > DEFAULT_LIMITS.webp_pixels


def exceeds_lossless_webp_limit(size: tuple[int, int]) -> bool:
    """Return whether an image of this size, in pixels, is too large for a WebP file without loss."""
    return exceeds_webp_limits(size) or size[0] * size[1] > DEFAULT_LIMITS.lossless_webp_pixels
