"""Write text on an image, in the font that is built into Pillow. No font file is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retouch.core.geometry import Size
from retouch.imaging.operations.values import Colour, InvalidSteps, Values
from retouch.imaging.pillow import Image

if TYPE_CHECKING:
    from PIL import ImageDraw

POSITIONS = (
    *("top-left", "top", "top-right"),
    *("left", "centre", "right"),
    *("bottom-left", "bottom", "bottom-right"),
)
_MIN_LINE_HEIGHT = 6  # pixels per line; smaller text cannot be read
_MARGIN_SHARE = 0.03  # share of the shorter edge of the part
_OUTLINE_DIVISOR = 16  # the outline width is the text height divided by this


def write_text(part: Image.Image, values: Values) -> Image.Image:
    """Write text in a part of an image ("RGB" or "RGBA"). Text that does not fit is made smaller.

    Raises InvalidSteps when the text would have to be too small to read.
    """
    # Imported here, because only this function needs it and a cold start should not load it.
    from PIL import ImageDraw

    result = part.copy()
    draw = ImageDraw.Draw(result)
    margin = round(min(part.size) * _MARGIN_SHARE)
    available_size = part.width - 2 * margin, part.height - 2 * margin
    style, (left, top, right, bottom) = _fit_text(draw, values, available_size, part.height)
    row, column = divmod(POSITIONS.index(values["position"]), 3)
    x = margin + (available_size[0] - right + left) * column / 2 - left
    y = margin + (available_size[1] - bottom + top) * row / 2 - top
    align = ("left", "center", "right")[column]
    text_colour, outline = values["color"].rgba, values["outline"].rgba
    draw.multiline_text(
        (x, y), values["text"], text_colour, align=align, stroke_fill=outline, **style
    )
    return result


def _fit_text(
    draw: ImageDraw.ImageDraw, values: Values, available_size: Size, region_height: int
) -> tuple[dict[str, Any], tuple[float, float, float, float]]:
    """Return the drawing options for the text, in the requested size or the largest that fits, and its box.

    The box is that of the text drawn at 0, 0.
    """
    height = max(_MIN_LINE_HEIGHT, values["size"].to_pixels(region_height))
    while height >= _MIN_LINE_HEIGHT:
        style = _text_style(height, values["outline"])
        box = draw.multiline_textbbox((0, 0), values["text"], **style)
        scale = min(available_size[0] / (box[2] - box[0]), available_size[1] / (box[3] - box[1]))
        if scale >= 1:
            return style, box
        height = min(height - 1, int(height * scale))
    raise InvalidSteps("the text does not fit; shorten it or give it a larger region.")


def _text_style(height: int, outline: Colour) -> dict[str, Any]:
    from PIL import ImageFont

    stroke_width = 0 if outline.is_transparent else max(1, height // _OUTLINE_DIVISOR)
    return {"font": ImageFont.load_default(height), "stroke_width": stroke_width}
