"""Mask files as common tools write them. Every file marks the same brush stroke, which `marked_area` returns.

The tools differ in what marks a pixel, in the image mode and in the noise. `mask_mode` is the mode that reads the file.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from retouch.imaging.masks.read import MaskMode
from tests.support.images import encode_image

SIZE = (240, 180)
_STROKE = [(60, 60), (120, 95), (170, 70)]
_WIDTH = 40
_OVERSAMPLING = 4


def draw_stroke(scale: int = 1) -> Image.Image:
    """Return a hard stroke, 255 on 0."""
    image = Image.new("L", (SIZE[0] * scale, SIZE[1] * scale))
    draw = ImageDraw.Draw(image)
    points = [(x * scale, y * scale) for x, y in _STROKE]
    draw.line(points, fill=255, width=_WIDTH * scale)
    for x, y in points:
        radius = _WIDTH * scale // 2
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return image


def draw_smooth_stroke() -> Image.Image:
    """Return the stroke with antialiased edges, as brushes paint it."""
    return draw_stroke(_OVERSAMPLING).reduce(_OVERSAMPLING)


def draw_soft_stroke() -> Image.Image:
    """Return the stroke of a soft brush."""
    return draw_stroke().filter(ImageFilter.GaussianBlur(6))


def marked_area(levels: Image.Image) -> Image.Image:
    """Return the pixels of a stroke that are at least half marked, 255 on 0."""
    return levels.point(lambda level: 255 if level >= 128 else 0)


def save_as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Return the image after it was saved as JPEG and opened again."""
    return Image.open(io.BytesIO(encode_image(image, "JPEG", quality=quality)))


def fill(colour: tuple[int, ...], alpha: Image.Image) -> Image.Image:
    """Return an RGBA image of one colour with that alpha channel."""
    image = Image.new("RGB", alpha.size, colour)
    image.putalpha(alpha)
    return image


def paint(colour: tuple[int, int, int], levels: Image.Image) -> Image.Image:
    """Return the stroke in a colour on black."""
    return Image.composite(Image.new("RGB", SIZE, colour), Image.new("RGB", SIZE), levels)


@dataclass(frozen=True)
class ToolMask:
    """A mask file, and how it is to be read."""

    mask_mode: MaskMode  # the mode that reads the file
    build: Callable[[], bytes]
    guess: str = (
        ""  # what mask_mode=auto reads, if it is not mask_mode; "refused" if it cannot choose
    )
    levels: Callable[[], Image.Image] = field(default=draw_smooth_stroke)

    @property
    def area(self) -> Image.Image:
        """The marked pixels."""
        return marked_area(self.levels())


def _indexed_png_of_gimp() -> bytes:
    indexed = draw_stroke().point(lambda level: 1 if level else 0).convert("P")
    indexed.putpalette([0, 0, 0, 255, 255, 255])
    return encode_image(indexed)


def _png_with_profile() -> bytes:
    """Return a mask with a gamma chunk and a colour profile, which do not change its levels."""
    from PIL import ImageCms, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", (100_000).to_bytes(4))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encode_image(draw_smooth_stroke(), pnginfo=info, icc_profile=profile)


def _deep_grey() -> bytes:
    """Return a mask of 16 bits."""
    levels = draw_smooth_stroke()
    high_and_low = [byte for level in levels.tobytes() for byte in (level, level)]
    return encode_image(Image.frombytes("I;16", SIZE, bytes(high_and_low)))


def _index_map(*levels: int) -> bytes:
    """Return a map in which each level is one segment, side by side in the stroke."""
    image = Image.new("L", SIZE)
    step = SIZE[0] // len(levels)
    for number, level in enumerate(levels):
        box = (number * step, 0, SIZE[0], SIZE[1])
        image.paste(level, box, draw_stroke().crop(box))
    return encode_image(image)


TOOL_MASKS = {
    "Photoshop, white on black": ToolMask(
        "white", lambda: encode_image(paint((255, 255, 255), draw_smooth_stroke()))
    ),
    "Photoshop, layer mask": ToolMask(
        "alpha", lambda: encode_image(fill((90, 120, 60), ImageOps.invert(draw_smooth_stroke())))
    ),
    "GIMP, grey": ToolMask("white", lambda: encode_image(draw_smooth_stroke())),
    "GIMP, indexed": ToolMask("white", _indexed_png_of_gimp, levels=draw_stroke),
    "GIMP, one bit": ToolMask(
        "white", lambda: encode_image(draw_stroke().convert("1")), levels=draw_stroke
    ),
    "GIMP, 16 bits": ToolMask("white", _deep_grey),
    "GIMP, grey with alpha": ToolMask(
        "white",
        lambda: encode_image(Image.merge("LA", (draw_smooth_stroke(), Image.new("L", SIZE, 255)))),
    ),
    "canvas, white on black": ToolMask(
        "white", lambda: encode_image(paint((255, 255, 255), draw_smooth_stroke()).convert("RGBA"))
    ),
    "canvas, red strokes on clear": ToolMask(
        "opaque", lambda: encode_image(fill((255, 0, 0), draw_smooth_stroke())), "refused"
    ),
    "canvas, destination-out": ToolMask(
        "alpha", lambda: encode_image(fill((0, 0, 0), ImageOps.invert(draw_smooth_stroke())))
    ),
    "Inkscape, grey": ToolMask(
        "black",
        lambda: encode_image(
            ImageChops.darker(ImageOps.invert(draw_smooth_stroke()), Image.new("L", SIZE, 254))
        ),
    ),
    "white at 250, black at 5": ToolMask(
        "white",
        lambda: encode_image(draw_stroke().point(lambda v: 250 if v else 5)),
        levels=draw_stroke,
    ),
    "JPEG": ToolMask("white", lambda: encode_image(draw_smooth_stroke(), "JPEG", quality=80)),
    "JPEG saved as PNG": ToolMask(
        "white", lambda: encode_image(save_as_jpeg(draw_stroke(), 60)), levels=draw_stroke
    ),
    "SAM, boolean": ToolMask("white", lambda: encode_image(draw_stroke()), levels=draw_stroke),
    "with profile and gamma": ToolMask("white", _png_with_profile),
    "red on black": ToolMask(
        "auto", lambda: encode_image(paint((255, 0, 0), draw_smooth_stroke())), "colour"
    ),
    "SAM, index map": ToolMask("auto", lambda: _index_map(1, 2, 3, 4), "colour", draw_stroke),
    "SAM, levels 0 and 1": ToolMask("auto", lambda: _index_map(1), "colour", draw_stroke),
    "colour map of segments": ToolMask(
        "auto",
        lambda: encode_image(
            Image.composite(
                Image.linear_gradient("L").resize(SIZE).quantize(5).convert("RGB"),
                Image.new("RGB", SIZE, (0, 90, 0)),
                draw_stroke(),
            )
        ),
        "colour",
        draw_stroke,
    ),
}
