"""Whether a picture shows nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

_NOISE = (
    8  # levels of 255: WebP from quality 80 on makes up to 6 of one colour, JPEG none (measured)
)


def is_blank(image: Pixels) -> bool:
    """One colour everywhere, or nothing that is not transparent. `image` is a decoded Pillow image."""
    bands = image.convert("RGBA").getextrema()
    *colours, alpha = [(int(low), int(high)) for low, high in bands]  # type: ignore[misc]
    if alpha[1] == 0:
        return True
    return all(high - low <= _NOISE for low, high in (*colours, alpha))
