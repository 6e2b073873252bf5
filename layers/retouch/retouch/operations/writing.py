"""Text on a picture, in the one font that Pillow carries within itself: no font file is ever read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from retouch.messages import Size
from retouch.operations.values import Colour, PlanError, Values

if TYPE_CHECKING:
    from PIL import ImageDraw

POSITIONS = (
    *("top-left", "top", "top-right"),
    *("left", "centre", "right"),
    *("bottom-left", "bottom", "bottom-right"),
)
_LEAST = 6  # pixels a line; nothing smaller can be read
_MARGIN = 0.03  # of the part's shorter edge
_OUTLINE = 16  # one so manieth of the letters' height


def write(part: Image.Image, values: Values) -> Image.Image:
    """Text in a part of a picture ("RGB" or "RGBA"), made smaller where it would not fit.

    PlanError where letters that fit would be too small to read.
    """
    # Nothing but this needs it, and every cold start would load it.
    from PIL import ImageDraw

    written = part.copy()
    draw = ImageDraw.Draw(written)
    margin = round(min(part.size) * _MARGIN)
    room = part.width - 2 * margin, part.height - 2 * margin
    style, (left, top, right, bottom) = _fitted(draw, values, room, part.height)
    row, column = divmod(POSITIONS.index(values["position"]), 3)
    x = margin + (room[0] - right + left) * column / 2 - left
    y = margin + (room[1] - bottom + top) * row / 2 - top
    align = ("left", "center", "right")[column]
    ink, outline = values["color"].rgba, values["outline"].rgba
    draw.multiline_text((x, y), values["text"], ink, align=align, stroke_fill=outline, **style)
    return written


def _fitted(
    draw: ImageDraw.ImageDraw, values: Values, room: Size, whole: int
) -> tuple[dict[str, Any], tuple[float, float, float, float]]:
    """How to draw the text as large as wanted or as fits, and the box it takes when drawn at 0, 0."""
    height = max(_LEAST, values["size"].of(whole))
    while height >= _LEAST:
        style = _style(height, values["outline"])
        box = draw.multiline_textbbox((0, 0), values["text"], **style)
        fits = min(room[0] / (box[2] - box[0]), room[1] / (box[3] - box[1]))
        if fits >= 1:
            return style, box
        height = min(height - 1, int(height * fits))
    raise PlanError("the text does not fit; shorten it or give it a larger region.")


def _style(height: int, outline: Colour) -> dict[str, Any]:
    from PIL import ImageFont

    stroke = 0 if outline.clear else max(1, height // _OUTLINE)
    return {"font": ImageFont.load_default(height), "stroke_width": stroke}
