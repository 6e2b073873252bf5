"""Operations that do not change the size of the image. They work in a region, or in the mask when there is one."""

from __future__ import annotations

from collections.abc import Callable

from retouch.imaging.inpaint.erase import erase_area as erased
from retouch.imaging.operations.values import ImageFunction, InvalidSteps, Values
from retouch.imaging.pillow import Image, ImageFilter

MaskedImageFunction = Callable[[Image.Image, Values, Image.Image | None], Image.Image]


def run_on_whole_image(function: ImageFunction) -> MaskedImageFunction:
    """Return the function of an operation on the whole image. A mask cannot confine such an operation."""

    def run(image: Image.Image, values: Values, _mask: Image.Image | None) -> Image.Image:
        return function(image, values)

    return run


def run_within_region(function: ImageFunction) -> MaskedImageFunction:
    """Return the function of an operation on a part of the image.

    Only the marked pixels change. Without a mask only the pixels of the region change. The function receives the
    region, or the bounding box of the marked pixels. Nothing outside that box influences the result.
    """

    def run(image: Image.Image, values: Values, mask: Image.Image | None) -> Image.Image:
        box = mask.getbbox() if mask else values["region"].box(image.size)
        if box is None:
            return image
        result = image.copy()
        changed_part = function(image.crop(box), values)
        result.paste(changed_part, box[:2], mask.crop(box) if mask else None)
        return result

    return run


def preserve_alpha(function: ImageFunction) -> ImageFunction:
    """Return the function, extended to "RGBA" parts: it gets the colours only, and the alpha channel stays as it is."""

    def run_without_alpha(part: Image.Image, values: Values) -> Image.Image:
        result = function(part.convert("RGB"), values)
        if part.mode == "RGBA":
            result.putalpha(part.getchannel("A"))
        return result

    return run_without_alpha


def blur(part: Image.Image, values: Values) -> Image.Image:
    """Blur with a Gaussian. The radius is relative to the shorter edge of the part."""
    blur_filter = ImageFilter.GaussianBlur(values["radius"].to_pixels(min(part.size)))
    # Blur premultiplied colours, so that the colours of transparent pixels do not bleed.
    if part.mode == "RGBA":
        return part.convert("RGBa").filter(blur_filter).convert("RGBA")
    return part.filter(blur_filter)


def pixelate(part: Image.Image, values: Values) -> Image.Image:
    """Replace the part by squares of one colour each. Their size is relative to the shorter edge of the part."""
    edge = max(1, values["block"].to_pixels(min(part.size)))
    small = part.reduce(edge)
    size = small.width * edge, small.height * edge
    return small.resize(size, Image.Resampling.NEAREST).crop((0, 0, *part.size))


def background(part: Image.Image, values: Values) -> Image.Image:
    """Put a colour behind the transparent pixels."""
    if part.mode != "RGBA":
        return part
    colour_layer = Image.new("RGBA", part.size, values["color"].rgba)
    return Image.alpha_composite(colour_layer, part)


def erase(image: Image.Image, values: Values, mask: Image.Image | None) -> Image.Image:
    """Remove the marked pixels and fill them from their surroundings.

    Raises InvalidSteps when the region is more than half of the image. Raises InvalidRequest (mask_full) when the
    client's mask marks everything, because only the client can correct that.
    """
    if mask:
        return erased(image, mask)
    box = values["region"].box(image.size)
    if 2 * (box[2] - box[0]) * (box[3] - box[1]) > image.width * image.height:
        raise InvalidSteps(
            "the region is more than half of the picture, too much to fill from the rest."
        )
    marked = Image.new("L", image.size)
    marked.paste(255, box)
    return erased(image, marked)
