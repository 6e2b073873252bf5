"""How large a picture may be: one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds every picture is held to. Bytes and pixels are counts, `side` is in pixels."""

    image_bytes: int = 50_000_000
    pixels: int = 50_000_000
    webp_pixels: int = 30_000_000  # its coders need four times the memory of the others
    side: int = 16_384
    ancillary_chunks: int = 1_000  # PNG chunks that are not the picture itself
    pieces: int = 16_384  # chunks or segments of any kind: walking them is what costs time
    text_bytes: int = 1_048_576  # all compressed PNG metadata of a file, inflated
    mask_threshold: int = 128  # from this edit strength on, a mask's pixel counts as marked


DEFAULT = Limits()
LONGEST_WEBP = 16_383  # pixels an edge, which is all that its header can say
