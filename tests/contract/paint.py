"""What stand-ins do to pictures: repaint what the mask marks, so that a wrong polarity can be seen."""

from __future__ import annotations

import io

from PIL import Image

from tests.contract.standin import MAGENTA

_QUICK = {"png": {"compress_level": 1}, "webp": {"method": 0}}


EVERYWHERE = False  # a test may let providers ignore the mask


def opened(data: bytes) -> Image.Image:
    """The picture, decoded; raises what Pillow raises for a broken one."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def encoded(image: Image.Image, format: str = "png") -> bytes:
    out = io.BytesIO()
    image.save(out, format.upper(), **_QUICK.get(format, {}))
    return out.getvalue()


def repainted(data: bytes, white_edits: Image.Image | None, format: str = "png") -> bytes:
    """Magenta where the mask is white (everywhere without one); a repainter of all would ignore the mask."""
    picture = opened(data).convert("RGB")
    paint = Image.new("RGB", picture.size, MAGENTA)
    if white_edits is None or EVERYWHERE:
        return encoded(paint, format)
    mask = white_edits.convert("L").resize(picture.size)
    return encoded(Image.composite(paint, picture, mask), format)
